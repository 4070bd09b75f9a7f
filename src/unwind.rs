//! Panics of code that is not ours, as values.
//!
//! What a panic says is not passed on: it may quote what was looked up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// The future panicked, and is not to be polled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

pin_project! {
    /// A future whose panic is its answer.
    pub(crate) struct Caught<F> {
        #[pin]
        future: F,
    }
}

/// Catches the panics of a future, also of its first steps if it is an `async` block.
pub(crate) fn caught<F: Future>(future: F) -> Caught<F> {
    Caught { future }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Panicked, caught};

    #[tokio::test]
    async fn a_panic_is_an_answer_at_every_step() {
        assert_eq!(caught(async { 1 }).await, Ok(1));
        assert_eq!(caught(async { panic!("at once") }).await, Err::<(), _>(Panicked));
        let late = async {
            tokio::task::yield_now().await;
            panic!("later")
        };
        assert_eq!(caught(late).await, Err::<(), _>(Panicked));
    }
}
