use crate::{KeyHash, Pepper};

/// How the hash that is stored comes from the plain SHA-256 of a key's text.
#[derive(Debug, Default)]
pub(super) struct Hashing {
    /// What keys are issued under; `None` stores the plain hash.
    pub(super) current: Option<Pepper>,
    /// What keys were issued under before and are still accepted under.
    pub(super) former: Vec<Option<Pepper>>,
}

impl Hashing {
    /// The hash that a new key is stored with.
    pub(super) fn stored(&self, plain: &KeyHash) -> KeyHash {
        apply(self.current.as_ref(), plain)
    }

    /// Every hash that a key may be stored with, the likeliest first.
    pub(super) fn candidates(&self, plain: &KeyHash) -> impl Iterator<Item = KeyHash> {
        let former = self.former.iter().map(|pepper| apply(pepper.as_ref(), plain));
        std::iter::once(self.stored(plain)).chain(former)
    }
}

fn apply(pepper: Option<&Pepper>, plain: &KeyHash) -> KeyHash {
    pepper.map_or(*plain, |pepper| pepper.hash(plain))
}
