use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{KeyRecord, KeyStatus};
use crate::{AccountId, KeyId, Mode};

/// What a list is asked for. All that is `None` is not asked about.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use keygate::store::{KeyQuery, KeyStatus, KeyStore, MemoryStore};
/// use std::time::UNIX_EPOCH;
///
/// let mut query = KeyQuery::new(UNIX_EPOCH);
/// query.status = Some(KeyStatus::Revoked);
/// assert!(MemoryStore::new().list(query).await?.is_empty());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KeyQuery {
    /// Only those of this status at [`Self::now`].
    pub status: Option<KeyStatus>,
    /// Only those of this mode.
    pub mode: Option<Mode>,
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// Only those whose name has this text in it. Letters of ASCII match in either case, and no
    /// character stands for others.
    pub search: Option<String>,
    /// Only those that come after this place.
    pub after: Option<Cursor>,
    /// How many at the most.
    pub limit: usize,
    /// The moment at which the status is told.
    pub now: SystemTime,
}

/// A place in the list of keys: a key's creation and its id.
///
/// Its text is for sending to a client and back; what is in it is not promised.
///
/// ```
/// use keygate::store::Cursor;
///
/// assert!("17-key_a".parse::<Cursor>().is_ok());
/// assert!("yesterday".parse::<Cursor>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    created_at: SystemTime,
    id: KeyId,
}

/// Why a text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor of a list of keys")]
#[non_exhaustive]
pub struct InvalidCursor;

impl KeyQuery {
    /// All keys, the first 50, their status told at `now`.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        Self { status: None, mode: None, account: None, search: None, after: None, limit: 50, now }
    }

    /// Whether a record belongs to the answer, its place in the list aside.
    ///
    /// The rule for every store.
    #[must_use]
    pub fn matches(&self, record: &KeyRecord) -> bool {
        self.status.is_none_or(|status| record.status(self.now) == status)
            && self.mode.is_none_or(|mode| record.mode == mode)
            && self.account.as_ref().is_none_or(|account| record.account == *account)
            && self.search.as_ref().is_none_or(|text| has_text(&record.name, text))
    }
}

impl Cursor {
    /// The place of a record. Greater is newer.
    #[must_use]
    pub fn of(record: &KeyRecord) -> Self {
        Self { created_at: record.created_at, id: record.id.clone() }
    }

    /// When the key at this place was created.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.created_at
    }

    /// The id of the key at this place.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.created_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(f, "{}-{}", since.as_micros(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (micros, id) = text.split_once('-').ok_or(InvalidCursor)?;
        let micros = micros.parse().map_err(|_| InvalidCursor)?;
        let created_at =
            UNIX_EPOCH.checked_add(Duration::from_micros(micros)).ok_or(InvalidCursor)?;
        Ok(Self { created_at, id: KeyId::parse(id).map_err(|_| InvalidCursor)? })
    }
}

fn has_text(name: &str, text: &str) -> bool {
    name.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
}
