//! Proofs: how long an entry may be believed while changes elsewhere come through a feed.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;

use super::epoch::{Cell, Orderings, Sound};

/// 40 bits of milliseconds are 34 years; 24 bits of sessions repeat long after any entry's end.
const TIME_BITS: u32 = 40;
const TIME: u64 = (1 << TIME_BITS) - 1;

/// Ended sessions that are remembered. A feed that flaps faster loses only some of its proofs.
const REMEMBERED: usize = 64;

/// Names one stretch of time in which the feed either stood all along or was down all along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session(u64);

/// A time within a session, in one word so that it is read whole: milliseconds, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

/// How long an entry may be served, and whether it should be asked for again meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// The first millisecond of the monotonic clock at which it may not.
    pub(crate) until: u64,
    /// It was learnt in a session that is over: no proof will come for it any more.
    pub(crate) outlived: bool,
}

/// What the feed has proven; see [the rules](super).
#[derive(Debug)]
pub(crate) struct Proofs<C = AtomicU64, O = Sound> {
    /// The session that stands and when its last proof was sent (0: none yet).
    latest: C,
    /// The last proofs of sessions that are over, newest last. Also the lock of all changes.
    past: Mutex<VecDeque<Moment>>,
    max_staleness: u64,
    orderings: PhantomData<O>,
}

impl Moment {
    fn new(session: Session, time: u64) -> Self {
        Self(session.0 << TIME_BITS | time.min(TIME))
    }

    pub(crate) fn session(self) -> Session {
        Session(self.0 >> TIME_BITS)
    }

    /// Milliseconds of the monotonic clock.
    pub(crate) fn millis(self) -> u64 {
        self.0 & TIME
    }
}

impl<C: Cell, O: Orderings> Proofs<C, O> {
    /// Without a feed: entries are good for `max_staleness` after they were asked for.
    pub(crate) fn new(max_staleness: Duration) -> Self {
        Self {
            latest: C::zero(),
            past: Mutex::default(),
            max_staleness: millis(max_staleness),
            orderings: PhantomData,
        }
    }

    /// To be called once the feed stands: every change committed from now on will come through it.
    pub(crate) fn begin_session(&self) -> Session {
        self.next_session()
    }

    /// Everything committed before `sent_at` has come through `session` and has been bumped.
    ///
    /// `sent_at` is when the proof was *sent*: of what was committed while it travelled nothing is
    /// known. Proofs of a session that is over, and late ones, change nothing.
    pub(crate) fn proven(&self, session: Session, sent_at: Duration) {
        let _changing = self.past.lock();
        let proof = Moment::new(session, millis(sent_at));
        let latest = self.latest();
        if latest.session() == session && latest.millis() < proof.millis() {
            self.latest.store(proof.0, O::PROVE);
        }
    }

    /// To be called when the feed is lost, or merely suspect.
    pub(crate) fn end_session(&self) {
        self.next_session();
    }

    /// When and in which session the store is about to be asked.
    pub(crate) fn asking_at(&self, now: Duration) -> Moment {
        Moment::new(self.latest().session(), millis(now))
    }

    /// How long what was asked for at `asked` may be served.
    ///
    /// Call it before [`Epochs::is_current`](super::epoch::Epochs::is_current): a proof counts for
    /// a reader who then sees every change that it vouches for.
    pub(crate) fn freshness(&self, asked: Moment) -> Freshness {
        let latest = self.latest();
        let outlived = latest.session() != asked.session();
        let proof = if outlived { self.last_of(asked.session()) } else { latest };
        let until = asked.millis().max(proof.millis()).saturating_add(self.max_staleness);
        Freshness { until, outlived }
    }

    fn latest(&self) -> Moment {
        Moment(self.latest.load(O::READ_PROOF))
    }

    fn last_of(&self, session: Session) -> Moment {
        let past = self.past.lock();
        let last = past.iter().rev().find(|proof| proof.session() == session);
        last.copied().unwrap_or(Moment(0))
    }

    /// A stretch without a feed counts as a session that nothing proves.
    fn next_session(&self) -> Session {
        let mut past = self.past.lock();
        let ended = self.latest();
        if ended.millis() > 0 {
            past.push_back(ended);
        }
        if past.len() > REMEMBERED {
            past.pop_front();
        }
        let next = Moment::new(Session(ended.session().0 + 1), 0);
        self.latest.store(next.0, O::PROVE);
        next.session()
    }
}

/// Whole milliseconds, rounded down: what was sent or asked counts as older, never as newer.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
