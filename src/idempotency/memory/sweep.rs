use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::State;
use crate::Clock;

/// How long what is over stays while nobody calls.
const IDLE: Duration = Duration::from_mins(1);

/// Sees to it that a task sweeps while nobody calls. Without a runtime only newcomers sweep.
///
/// The task ends when there is nothing left to sweep, and with the store.
pub(super) fn start(store: &Arc<Mutex<State>>, state: &mut State, clock: &Arc<dyn Clock>) {
    if state.tended {
        return;
    }
    let Ok(runtime) = Handle::try_current() else { return };
    state.tended = true;
    let task = Task { store: Arc::downgrade(store), missed: true };
    runtime.spawn(task.run(Arc::clone(clock)));
}

struct Task {
    store: Weak<Mutex<State>>,
    /// Whether its end leaves the store without a task that it believes to have.
    missed: bool,
}

impl Task {
    async fn run(mut self, clock: Arc<dyn Clock>) {
        loop {
            tokio::time::sleep(IDLE).await;
            let Some(store) = self.store.upgrade() else { return };
            let mut state = store.lock();
            state.sweep(clock.monotonic());
            if state.entries.is_empty() {
                (state.tended, self.missed) = (false, false);
                return;
            }
        }
    }
}

/// The runtime may end before the store does: the next operation starts another task.
impl Drop for Task {
    fn drop(&mut self) {
        if self.missed
            && let Some(store) = self.store.upgrade()
        {
            store.lock().tended = false;
        }
    }
}
