use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// A task of a keyring: started at the first use inside a runtime, joined at the shutdown.
pub(super) struct Background(Mutex<State>);

enum State {
    NotStarted,
    Running(JoinHandle<()>),
    /// Shut down, or done.
    Over,
}

impl Background {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::NotStarted))
    }

    /// Starts the task unless it was, if there is a runtime here.
    pub(super) fn start<F>(&self, task: impl FnOnce() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut state = self.0.lock();
        if let Some(ended) = state.ended() {
            *state = ended;
        }
        if let (State::NotStarted, Ok(runtime)) = (&*state, Handle::try_current()) {
            *state = State::Running(runtime.spawn(task()));
        }
    }

    /// Waits for the task, which was told to stop, and lets none start any more.
    pub(super) async fn join(&self) {
        let state = std::mem::replace(&mut *self.0.lock(), State::Over);
        if let State::Running(task) = state {
            // Its only failure is a panic, and then it has ended too.
            let _ = task.await;
        }
    }
}

impl State {
    /// What the state is if the task has ended.
    fn ended(&mut self) -> Option<Self> {
        let Self::Running(task) = self else { return None };
        if !task.is_finished() {
            return None;
        }
        let mut nobody = Context::from_waker(Waker::noop());
        Some(match Pin::new(task).poll(&mut nobody) {
            // Its runtime was shut down under it: the one of this caller takes its place.
            Poll::Ready(Err(_)) => Self::NotStarted,
            _ => Self::Over,
        })
    }
}
