use std::sync::Arc;

use http::Extensions;
use parking_lot::Mutex;

use crate::scope::Requirement;
use crate::{ScopeName, ScopeSet};

/// Which scopes let a caller through, where somebody has put one among the request's extensions to
/// know it afterwards.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demands(Arc<Mutex<Vec<ScopeName>>>);

impl Demands {
    /// Notes what `R` needed of these scopes, which are enough. Where nobody wants to know this is
    /// one look.
    #[inline]
    pub(super) fn note<R: Requirement>(request: &Extensions, held: &ScopeSet) {
        if let Some(demands) = request.get::<Self>() {
            demands.add(needed::<R>(held));
        }
    }

    /// Notes what `R` needed but for these scopes, which are missing and not enforced yet.
    pub(super) fn note_spared<R: Requirement>(
        request: &Extensions,
        held: &ScopeSet,
        missing: &[ScopeName],
    ) {
        if let Some(demands) = request.get::<Self>() {
            let enough = held.iter().chain(missing).cloned().collect();
            let mut scopes = needed::<R>(&enough);
            scopes.retain(|scope| !missing.contains(scope));
            demands.add(scopes);
        }
    }

    /// All that was noted, each once.
    pub(crate) fn noted(&self) -> Vec<ScopeName> {
        self.0.lock().clone()
    }

    fn add(&self, scopes: Vec<ScopeName>) {
        let mut noted = self.0.lock();
        for scope in scopes {
            if !noted.contains(&scope) {
                noted.push(scope);
            }
        }
    }
}

/// As few of the scopes held as are enough: of alternatives the first that was there.
fn needed<R: Requirement>(held: &ScopeSet) -> Vec<ScopeName> {
    let mut needed = R::scopes();
    needed.retain(|scope| held.contains(scope));
    for at in (0..needed.len()).rev() {
        let mut fewer = needed.clone();
        fewer.remove(at);
        if R::is_met(&fewer.iter().cloned().collect()) {
            needed = fewer;
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tests::fixture::{LinksRead, LinksWrite};
    use crate::{AllOf, AnyOf, Scope};

    #[test]
    fn i7_what_is_noted_is_what_was_needed() {
        let both = ScopeSet::from_iter([LinksRead::NAME, LinksWrite::NAME]);
        let write = ScopeSet::from_iter([LinksWrite::NAME]);
        assert_eq!(needed::<LinksWrite>(&both), [LinksWrite::NAME]);
        assert_eq!(needed::<AllOf<(LinksRead, LinksWrite)>>(&both), *both.iter().as_slice());
        assert_eq!(needed::<AnyOf<(LinksRead, LinksWrite)>>(&both), [LinksRead::NAME]);
        assert_eq!(needed::<AnyOf<(LinksRead, LinksWrite)>>(&write), [LinksWrite::NAME]);
        let demands = Demands::default();
        let mut request = Extensions::new();
        Demands::note::<LinksRead>(&request, &both);
        request.insert(demands.clone());
        Demands::note::<LinksWrite>(&request, &both);
        Demands::note::<AllOf<(LinksWrite, LinksRead)>>(&request, &both);
        assert_eq!(demands.noted(), [LinksWrite::NAME, LinksRead::NAME]);
    }

    #[test]
    fn of_what_is_in_shadow_mode_only_the_rest_is_noted() {
        let read = ScopeSet::from_iter([LinksRead::NAME]);
        let demands = Demands::default();
        let mut request = Extensions::new();
        request.insert(demands.clone());
        Demands::note_spared::<LinksWrite>(&request, &ScopeSet::empty(), &[LinksWrite::NAME]);
        assert_eq!(demands.noted(), []);
        let missing = [LinksWrite::NAME];
        Demands::note_spared::<AllOf<(LinksRead, LinksWrite)>>(&request, &read, &missing);
        assert_eq!(demands.noted(), [LinksRead::NAME]);
    }
}
