use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Changed;

/// How many items wait to be taken before they turn into [`Changed::Anything`].
const MOST_ITEMS: usize = 1024;

/// What was told and not taken yet, and how long ago the feed was known to be good.
#[derive(Debug, Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    /// Rung for the one who waits in [`Self::next`].
    bell: Notify,
}

#[derive(Debug, Default)]
struct State {
    anything: bool,
    items: VecDeque<String>,
    /// Every change that was committed before this moment has been told.
    ///
    /// None: there is no feed, or none that has proven it.
    proven_at: Option<Instant>,
}

impl Pending {
    pub(super) async fn next(&self) -> Changed {
        loop {
            if let Some(changed) = self.state.lock().take() {
                return changed;
            }
            self.bell.notified().await;
        }
    }

    pub(super) fn item(&self, item: String) {
        let mut state = self.state.lock();
        // Whoever loads all loads this one too.
        if !state.anything {
            state.items.push_back(item);
        }
        if state.items.len() > MOST_ITEMS {
            state.tell_anything();
        }
        drop(state);
        self.bell.notify_one();
    }

    pub(super) fn anything(&self) {
        self.state.lock().tell_anything();
        self.bell.notify_one();
    }

    /// A proof came back that was sent at this moment.
    pub(super) fn proven(&self, at: Instant) {
        self.state.lock().proven_at = Some(at);
    }

    pub(super) fn lost(&self) {
        self.state.lock().proven_at = None;
    }

    pub(super) fn proven_at(&self) -> Option<Instant> {
        self.state.lock().proven_at
    }
}

impl State {
    fn take(&mut self) -> Option<Changed> {
        if std::mem::take(&mut self.anything) {
            return Some(Changed::Anything);
        }
        self.items.pop_front().map(Changed::Item)
    }

    fn tell_anything(&mut self) {
        self.anything = true;
        self.items = VecDeque::new();
    }
}
