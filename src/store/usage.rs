use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::KeyId;

pub(super) const HOUR: Duration = Duration::from_hours(1);

/// How a key has been used.
///
/// ```
/// use keygate::KeyId;
/// use keygate::store::{KeyUsage, KeyUse};
/// use std::time::UNIX_EPOCH;
///
/// let mut usage = KeyUsage::default();
/// usage.add(&KeyUse::new(KeyId::parse("key_1")?, 2, UNIX_EPOCH));
/// assert_eq!(usage.requests, 2);
/// assert_eq!(usage.last_used_at, Some(UNIX_EPOCH));
/// # Ok::<(), keygate::InvalidKeyId>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// When a request with the key was last accepted.
    pub last_used_at: Option<SystemTime>,
    /// How many requests with it were accepted.
    pub requests: u64,
}

/// What one node adds to the usage of its keys: at most one entry for each key.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use keygate::store::{KeyStore, MemoryStore, UsageBatch};
///
/// let store = MemoryStore::new();
/// store.add_usage(UsageBatch::new(7, 1, Vec::new())).await?;
/// assert_eq!(store.usage(7, Vec::new()).await?.written, 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageBatch {
    /// The node, by a number that it drew at its start.
    pub node: u64,
    /// 1, 2, 3 … on each node. A batch whose outcome is unknown is sent again under its number, so
    /// that it counts once.
    pub sequence: u64,
    /// What is added.
    pub keys: Vec<KeyUse>,
}

/// What is added to the usage of one key. See [`KeyUsage`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUse {
    /// The key.
    pub id: KeyId,
    /// How many requests were accepted.
    pub requests: u64,
    /// When the last one was. Microseconds at the finest.
    pub last_used_at: SystemTime,
}

/// The usage that a store knows of. See [`UsageBatch`] for an example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredUsage {
    /// The highest [`UsageBatch::sequence`] of the asking node that is in these figures; 0 is none.
    pub written: u64,
    /// The keys that were asked for and have been used.
    pub keys: Vec<(KeyId, KeyUsage)>,
}

/// The requests of one key by the hour, as a store knows of them. See [`KeyUse::hour`] for an
/// example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredHours {
    /// As [`StoredUsage::written`].
    pub written: u64,
    /// The beginning of an hour and the requests in it. Those without any may be left out.
    pub hours: Vec<(SystemTime, u64)>,
}

impl KeyUsage {
    /// Adds what was used. The time of the last use never goes back.
    ///
    /// The rule for every store.
    pub fn add(&mut self, used: &KeyUse) {
        self.requests = self.requests.saturating_add(used.requests);
        self.last_used_at = self.last_used_at.max(Some(used.last_used_at));
    }
}

impl UsageBatch {
    /// A batch of a node.
    #[must_use]
    pub fn new(node: u64, sequence: u64, keys: Vec<KeyUse>) -> Self {
        Self { node, sequence, keys }
    }
}

impl KeyUse {
    /// Some uses of a key.
    #[must_use]
    pub fn new(id: KeyId, requests: u64, last_used_at: SystemTime) -> Self {
        Self { id, requests, last_used_at }
    }

    /// The beginning of the hour that these requests are counted in: that of the last of them.
    ///
    /// The rule for every store. Hours are those of UTC.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use keygate::store::{KeyRecord, KeyStore, KeyUse, MemoryStore, UsageBatch};
    /// use keygate::{AccountId, KeyHash, KeyId, Mode};
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let (store, id) = (MemoryStore::new(), KeyId::parse("key_1")?);
    /// let account = AccountId::parse("acct_1")?;
    /// let record = KeyRecord::new(id.clone(), KeyHash::of(b"text"), Mode::Test, account, UNIX_EPOCH);
    /// store.insert(record).await?;
    ///
    /// let used = KeyUse::new(id.clone(), 2, UNIX_EPOCH + Duration::from_secs(3_601));
    /// let hour = used.hour();
    /// assert_eq!(hour, UNIX_EPOCH + Duration::from_secs(3_600));
    /// store.add_usage(UsageBatch::new(7, 1, vec![used])).await?;
    /// assert_eq!(store.hourly_usage(7, id, UNIX_EPOCH).await?.hours, [(hour, 2)]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn hour(&self) -> SystemTime {
        hour_of(self.last_used_at)
    }
}

impl StoredHours {
    /// Figures that hold everything of the asking node up to the batch `written`.
    ///
    /// ```
    /// use keygate::store::StoredHours;
    /// use std::time::UNIX_EPOCH;
    ///
    /// let stored = StoredHours::new(3, vec![(UNIX_EPOCH, 12)]);
    /// assert_eq!((stored.written, stored.hours), (3, vec![(UNIX_EPOCH, 12)]));
    /// ```
    #[must_use]
    pub fn new(written: u64, hours: Vec<(SystemTime, u64)>) -> Self {
        Self { written, hours }
    }
}

/// The beginning of the hour of a time.
pub(crate) fn hour_of(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UNIX_EPOCH + Duration::from_secs(since - since % HOUR.as_secs())
}

impl StoredUsage {
    /// Figures that hold everything of the asking node up to the batch `written`.
    #[must_use]
    pub fn new(written: u64, keys: Vec<(KeyId, KeyUsage)>) -> Self {
        Self { written, keys }
    }
}
