//! Answers of a slow store, kept so that nothing withdrawn is served.
//!
//! Generic over what is looked up; it knows nothing of keys or HTTP.
//!
//! 1. *Epochs* ([`epoch`]). A change is committed, then it bumps the epoch of the slot of what it
//!    changed, then it returns. A look-up notes the epoch before it asks the store; its answer is
//!    good while the epoch is the one noted. A caller joins a look-up under way only if its note is
//!    good too, else replaces it. Nothing is checked again afterwards. So: *if a change returned
//!    before a caller's first read of the slot, that caller is not given what was true before it.*
//! 2. An entry names its own slots, and a caller reads them *after* it found the entry. That is no
//!    weaker than reading first: what is read later has grown at least as far. It needs no knowledge
//!    of the slots before something is found, so a cache keyed by one hash can follow changes that
//!    are told by another.
//! 3. *Proofs* ([`proof`]). Changes made elsewhere arrive through a feed. Silence proves nothing: an
//!    entry is good until `max_staleness` after it was asked for or after the last proof of the
//!    session it was asked in was *sent*, whichever is later. An entry of a session that is over is
//!    served to that end and looked up again in the background at its next use. Without a feed no
//!    proof ever comes. A reader reads the proof, then the epoch; the feed's driver bumps, then
//!    proves.
//! 4. *Look-ups* ([`lookup`]) run in their own tasks: one for each key at a time, so many at once
//!    ([`gate`]). Callers wait until the deadline; the look-up runs on with its permit up to 8 times
//!    as long, then it is dropped. While look-ups past the deadline hold all permits newcomers fail
//!    at once but for a probe each second, and a probe that gets an answer ends what still hangs.
//!    Errors and panics are nobody's answer but of those who waited. One in the background never
//!    queues, and leaves half of the places to callers who wait: after a reconnect there is one for
//!    each key in use.
//! 5. *Outages*. Where a look-up fails, a positive entry may be given past its time, if a limit was
//!    set: found and judged as ever, epochs included, and never after the store has disowned it.
//! 6. *Where* an entry lies is a matter of speed only: an array of hot ones ([`front`]) before two
//!    bounded LRU caches, positive and negative, so that made-up keys displace only one another.

mod entry;
mod epoch;
mod flight;
mod front;
mod gate;
mod loading;
mod lookup;
mod proof;
#[cfg(test)]
mod tests;

pub(crate) use epoch::Slots;
pub(crate) use loading::{
    Answer, CacheKey, Got, LONGEST_NEGATIVE_TTL, Late, Limits, LoadError, LoadFailed, LoadingCache,
};
pub(crate) use lookup::PATIENCE;
pub(crate) use proof::Session;
