use tokio::runtime::Handle;
use tokio::sync::watch;

/// Tasks that go on although nobody waits for them any more, counted.
#[derive(Debug)]
pub(super) struct Tasks(watch::Sender<usize>);

/// One that is not done.
struct Counted(watch::Sender<usize>);

impl Tasks {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Runs it to its end. Where there is no runtime, which is at the end of the process, it is
    /// dropped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else { return };
        self.0.send_modify(|count| *count += 1);
        let counted = Counted(self.0.clone());
        runtime.spawn(async move {
            let _counted = counted;
            task.await;
        });
    }

    /// Waits until there is none.
    pub(super) async fn ended(&self) {
        // An error would say that the sender is gone, which is in `self`.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Also of a task that panics, or whose runtime ends.
impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
