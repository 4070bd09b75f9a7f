//! Keys by the million, and a keyring that knows them all without keeping them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keygate::store::{KeyQuery, KeyRecord, KeyStore, Outcome, RecordUpdate, Rotation, StoreError};
use keygate::{AccountId, KeyFormat, KeyHash, KeyId, Keyring, Mode, scopes};

/// How many keys most variants are called with.
pub const FEW: usize = 1_000;
pub const MANY: usize = 100_000;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

scopes! {
    /// Everything a key of the bench holds.
    catalogue SCOPES;
    /// List and retrieve payment links.
    LinksRead = "links:read";
    /// Create, update and archive payment links.
    LinksWrite = "links:write";
}

/// A small generator, so that each run draws the same.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The text of the key with this number: `ck_live_` and 32 characters.
pub fn text(number: usize) -> String {
    let mut random = Random(number as u64);
    let characters = (0..32).map(|_| char::from(BASE62[random.below(62)]));
    "ck_live_".chars().chain(characters).collect()
}

/// The credentials of that many keys, as `Authorization` has them.
pub fn credentials(keys: usize) -> Vec<String> {
    (0..keys).map(|number| format!("Bearer {}", text(number))).collect()
}

/// A keyring in which every text of the form is a key.
///
/// Nothing proves that its answers still hold, so it believes them for an hour.
pub fn keyring(capacity: usize) -> Keyring {
    let hour = Duration::from_hours(1);
    Keyring::builder(EveryKey, KeyFormat::base62("ck", 32).unwrap())
        .scopes(SCOPES)
        .max_staleness(hour)
        .positive_ttl(hour)
        .capacity(capacity as u64)
        .build()
        .unwrap()
}

/// Makes records up as they are asked for.
struct EveryKey;

impl KeyStore for EveryKey {
    async fn find_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        let digits = hash.to_string();
        let id = KeyId::parse(&format!("key_{}", &digits[..22])).unwrap();
        let account = AccountId::parse(&format!("acct_{}", &digits[22..38])).unwrap();
        let mut record = KeyRecord::new(id, hash, Mode::Live, account, UNIX_EPOCH);
        record.scopes = SCOPES.iter().map(|scope| scope.name.clone()).collect();
        Ok(Some(record))
    }

    async fn find_by_id(&self, _: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        Ok(None)
    }

    async fn insert(&self, _: KeyRecord) -> Result<(), StoreError> {
        Err(StoreError::duplicate())
    }

    async fn update(&self, _: &KeyId, _: RecordUpdate) -> Result<Outcome, StoreError> {
        Ok(Outcome::Missing)
    }

    async fn revoke(
        &self,
        _: &KeyId,
        _: SystemTime,
        _: Option<String>,
    ) -> Result<Outcome, StoreError> {
        Ok(Outcome::Missing)
    }

    async fn rotate(&self, _: &KeyId, _: Rotation) -> Result<Outcome, StoreError> {
        Ok(Outcome::Missing)
    }

    async fn list(&self, _: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
        Ok(Vec::new())
    }
}
