//! Requests of one operation that are under way in this process.
//!
//! The first of them asks the store, the others are told what it was told: a thousand retries at
//! once are one question.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Fingerprint, OperationId};

/// Operations of which a request is under way, by what tells requests of one from another's.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Name, watch::Receiver<Option<Told>>>>);

type Name = (OperationId, Fingerprint);

/// What the others are told.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// The operation is being carried out, here or elsewhere.
    Running,
    Kept(Bytes),
    Reused,
    /// The store did not answer.
    Failed,
}

/// How a request joins its operation.
pub(super) enum Boarding {
    First(First),
    /// One is under way: this is where it tells what it was told.
    Later(Later),
}

/// The request that asks the store. While it is there, others of its operation do not.
#[derive(Debug)]
pub(super) struct First {
    flights: Arc<Flights>,
    name: Name,
    tell: watch::Sender<Option<Told>>,
}

#[derive(Debug)]
pub(super) struct Later(watch::Receiver<Option<Told>>);

impl Told {
    /// A short constant name, fit for a metric's label.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Running => "in_progress",
            Self::Kept(_) => "replayed",
            Self::Reused => "key_reused",
            Self::Failed => "unavailable",
        }
    }
}

/// Without the answer.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.outcome())
    }
}

impl Flights {
    pub(super) fn board(self: &Arc<Self>, name: Name) -> Boarding {
        let mut flights = self.0.lock();
        if let Some(told) = flights.get(&name) {
            return Boarding::Later(Later(told.clone()));
        }
        let (tell, told) = watch::channel(None);
        flights.insert(name, told);
        Boarding::First(First { flights: Arc::clone(self), name, tell })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl First {
    /// Tells the others, those that come later too.
    pub(super) fn tell(&self, told: Told) {
        self.tell.send_replace(Some(told));
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.flights.0.lock().remove(&self.name);
    }
}

impl Later {
    /// Waits until the first one knows.
    pub(super) async fn told(mut self) -> Told {
        match self.0.wait_for(Option::is_some).await {
            Ok(told) => told.clone().unwrap_or(Told::Failed),
            // It is gone and has told nothing.
            Err(_) => Told::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(operation: u8, fingerprint: u8) -> Name {
        let fingerprint = Fingerprint::from_bytes([fingerprint; 32]);
        (OperationId::from_bytes([operation; 32]), fingerprint)
    }

    fn first(flights: &Arc<Flights>, name: Name) -> First {
        match flights.board(name) {
            Boarding::First(first) => first,
            Boarding::Later(_) => panic!("nobody else is under way"),
        }
    }

    fn later(flights: &Arc<Flights>, name: Name) -> Later {
        match flights.board(name) {
            Boarding::First(_) => panic!("somebody is under way"),
            Boarding::Later(later) => later,
        }
    }

    #[tokio::test]
    async fn i1_one_asks_and_the_others_are_told() {
        let flights = Arc::new(Flights::default());
        let one = first(&flights, name(1, 1));
        let (early, other) = (later(&flights, name(1, 1)), first(&flights, name(1, 2)));
        one.tell(Told::Running);
        assert_eq!(early.told().await, Told::Running);
        assert_eq!(later(&flights, name(1, 1)).told().await, Told::Running);
        let waiting = later(&flights, name(1, 1));
        drop(one);
        assert_eq!(waiting.told().await, Told::Running);
        drop(first(&flights, name(1, 1)));
        drop(other);
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn one_that_goes_without_a_word_has_failed() {
        let flights = Arc::new(Flights::default());
        let one = first(&flights, name(1, 1));
        let waiting = later(&flights, name(1, 1));
        drop(one);
        assert_eq!(waiting.told().await, Told::Failed);
    }
}
