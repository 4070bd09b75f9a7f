use std::collections::HashSet;

use parking_lot::Mutex;

use crate::ScopeSet;

/// The most sets that are shared; services have a handful.
const MOST: usize = 1024;

/// The sets of scopes that cached keys hold, each kept once: most keys of a service hold the same.
#[derive(Debug, Default)]
pub(super) struct ScopeSets {
    sets: Mutex<HashSet<ScopeSet>>,
}

impl ScopeSets {
    /// The same set, in the memory of an equal one where there is one.
    pub(super) fn share(&self, set: ScopeSet) -> ScopeSet {
        let mut sets = self.sets.lock();
        if let Some(shared) = sets.get(&set) {
            return shared.clone();
        }
        if sets.len() < MOST {
            sets.insert(set.clone());
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScopeName;

    fn set(names: &[&str]) -> ScopeSet {
        names.iter().map(|name| ScopeName::parse(name).unwrap()).collect()
    }

    #[test]
    fn equal_sets_are_one_and_others_stay_apart() {
        let sets = ScopeSets::default();
        let first = sets.share(set(&["a", "b"]));
        let second = sets.share(set(&["b", "a"]));
        assert!(std::ptr::eq(first.iter().as_slice(), second.iter().as_slice()));
        assert_eq!(sets.share(set(&["a"])), set(&["a"]));
    }

    #[test]
    fn no_more_sets_are_kept_than_allowed() {
        let sets = ScopeSets::default();
        for number in 0..2 * MOST {
            let name = format!("scope:{number}");
            assert_eq!(sets.share(set(&[&name])), set(&[&name]));
        }
        assert_eq!(sets.sets.lock().len(), MOST);
    }
}
