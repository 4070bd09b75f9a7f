use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc};
use tokio::time::{self, MissedTickBehavior};

use super::file::File;
use super::log::{Entry, Log, Trouble};
use crate::store::sql::{KEYS, Told, key_change};
use crate::store::{Change, ChangeFeed, StoreError};

/// How often the doorbell is looked at: a question that SQLite answers from shared memory.
const TICK: Duration = Duration::from_millis(20);

/// The longest pause after a look that failed.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How many changes a listener may be behind before its feed ends.
const CAPACITY: usize = 1024;

/// Where more than so many changes of a topic come at once, everything may have changed.
const MANY: usize = 256;

/// How many tokens wait for a look that succeeds. A keyring sends one in 2.5 s and believes in
/// none that is older than four of them.
const TOKENS: usize = 64;

const REPLACED: &str = "\
    the SQLite file was replaced or removed while it was open: start the service again";

/// Tells everybody in this process who listens what is committed to the database.
///
/// One task looks at the log of changes for all of them. It begins with the first listener and
/// ends when there is none left.
#[derive(Debug)]
pub(super) struct Feed {
    state: Mutex<State>,
    /// Rung by commits of this process, which need not wait for the next tick.
    bell: Notify,
    /// Held by whoever reads the log; by a subscriber for as long as it starts the task.
    log: AsyncMutex<Log>,
    file: File,
    /// Whether the file lay where it was opened, the last time that somebody looked.
    is_same_file: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    listeners: Vec<Listener>,
    tokens: Vec<u64>,
    is_running: bool,
}

/// Somebody who listens, and for what.
#[derive(Debug)]
enum Listener {
    Keys(mpsc::Sender<Change>),
    Topic(Box<str>, mpsc::Sender<Told>),
}

impl Feed {
    /// The log of the file that was opened by this path.
    pub(super) fn new(log: Log, path: &Path) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            bell: Notify::new(),
            log: AsyncMutex::new(log),
            file: File::opened(path),
            is_same_file: AtomicBool::new(true),
        })
    }

    /// Fails where the file was replaced: what is open is a file that nobody else has any more.
    pub(super) fn ensure_same_file(&self) -> Result<(), StoreError> {
        if self.is_same_file.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(StoreError::permanent(REPLACED))
    }

    /// Looks whether the file is still where it was opened. It may come back.
    fn look_at_file(&self) -> bool {
        let is_same = self.file.is_there();
        self.is_same_file.store(is_same, Ordering::Relaxed);
        is_same
    }

    /// Has the log looked at now.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    pub(super) async fn keys(self: &Arc<Self>) -> Result<ChangeFeed, StoreError> {
        let (sender, feed) = ChangeFeed::channel(CAPACITY);
        self.add(Listener::Keys(sender)).await?;
        Ok(feed)
    }

    pub(super) async fn topic(
        self: &Arc<Self>,
        topic: &str,
    ) -> Result<mpsc::Receiver<Told>, StoreError> {
        let (sender, told) = mpsc::channel(CAPACITY);
        self.add(Listener::Topic(topic.into(), sender)).await?;
        Ok(told)
    }

    /// Sends the token to all feeds of this process after the next look at the log.
    ///
    /// It does not travel through the file: whoever looked at the log after the token was sent has
    /// seen what was committed before, and a file that can only be read proves it as well.
    pub(super) fn prove(&self, token: u64) {
        let mut state = self.state.lock();
        if state.is_running {
            if state.tokens.len() == TOKENS {
                state.tokens.remove(0);
            }
            state.tokens.push(token);
            drop(state);
            self.ring();
        }
    }

    async fn add(self: &Arc<Self>, listener: Listener) -> Result<(), StoreError> {
        // The task reads on from where it is, so it tells the newcomer at least what is committed
        // from now on.
        let Err(listener) = self.state.lock().join(listener) else { return Ok(()) };
        let mut log = self.log.lock().await;
        self.look_at_file();
        self.ensure_same_file()?;
        // Another may have started it meanwhile.
        let Err(listener) = self.state.lock().join(listener) else { return Ok(()) };
        log.start_at_end().await?;
        self.state.lock().start(listener);
        // Without the lock: a runtime that shuts down drops the task at once, and that takes it.
        tokio::spawn(look_after(Running { feed: Arc::clone(self), has_listeners: true }));
        Ok(())
    }
}

impl State {
    fn start(&mut self, first: Listener) {
        self.listeners.push(first);
        self.is_running = true;
    }

    /// Adds a listener to those of a running task.
    fn join(&mut self, listener: Listener) -> Result<(), Listener> {
        if !self.is_running {
            return Err(listener);
        }
        self.listeners.push(listener);
        Ok(())
    }

    /// The tokens to prove by the next look; `None` when nobody listens any more, and the task is
    /// over: the next listener starts another.
    fn begin_look(&mut self) -> Option<Vec<u64>> {
        self.listeners.retain(|listener| !listener.is_gone());
        if self.listeners.is_empty() {
            *self = Self::default();
            return None;
        }
        Some(self.tokens.clone())
    }

    /// Tells what a look has found, and then which tokens it proves.
    fn tell(&mut self, entries: &[Entry], proven: &[u64]) {
        self.tokens.retain(|token| !proven.contains(token));
        // Whoever is too far behind loses its feed: it must not go on as if it had heard all.
        self.listeners.retain(|listener| {
            let proofs = proven.iter().map(|token| Told::Proof(*token));
            let mut news = listener.news(entries).into_iter().chain(proofs);
            news.all(|told| listener.tell(told))
        });
    }
}

impl Listener {
    /// What of the entries is for this listener.
    fn news(&self, entries: &[Entry]) -> Vec<Told> {
        let topic = match self {
            Self::Keys(_) => KEYS,
            Self::Topic(topic, _) => topic,
        };
        let items = entries.iter().filter(|entry| entry.topic == topic);
        let mut news: Vec<_> = items.map(|entry| Told::Item(entry.item.clone())).collect();
        if news.len() > MANY {
            news = vec![Told::Anything];
        }
        news
    }

    /// Whether there was room for it.
    fn tell(&self, told: Told) -> bool {
        match self {
            Self::Keys(sender) => sender.try_send(key_change(told)).is_ok(),
            Self::Topic(_, sender) => sender.try_send(told).is_ok(),
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Self::Keys(sender) => sender.is_closed(),
            Self::Topic(_, sender) => sender.is_closed(),
        }
    }
}

/// The task's hold on the feed. When the task ends before its listeners do, so do their feeds:
/// nobody would tell them anything any more.
struct Running {
    feed: Arc<Feed>,
    has_listeners: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_listeners {
            *self.feed.state.lock() = State::default();
        }
    }
}

async fn look_after(mut running: Running) {
    let feed = Arc::clone(&running.feed);
    let mut ticks = time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures = 0_u32;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = feed.bell.notified() => {}
        }
        let Some(tokens) = feed.state.lock().begin_look() else {
            running.has_listeners = false;
            return;
        };
        // No proof of a file that others do not write to.
        if !tokens.is_empty() && !feed.look_at_file() {
            return;
        }
        let found = feed.log.lock().await.read_on().await;
        match found {
            Ok(entries) => {
                failures = 0;
                feed.state.lock().tell(&entries, &tokens);
            }
            // What lies between is lost to everybody who listens now.
            Err(Trouble::Gap) => return,
            // Nothing is missed as long as the log keeps it. Tokens wait, so that a keyring gives
            // up a feed that cannot read for long.
            Err(Trouble::Failed) => {
                failures = failures.saturating_add(1);
                time::sleep(pause(failures)).await;
            }
        }
    }
}

fn pause(failures: u32) -> Duration {
    (TICK * 2_u32.saturating_pow(failures.min(8))).min(LONGEST_PAUSE)
}
