use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Quota;

/// The name of a plan, such as `starter`.
///
/// 1 to 64 characters of `A-Z a-z 0-9 _ -`. Cheap to clone. See [`Plans`] for an example.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanName(Arc<str>);

/// Why a text is no name of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a plan's name is 1 to 64 characters of `A-Z a-z 0-9 _ -`")]
#[non_exhaustive]
pub struct InvalidPlanName;

/// The quotas of a service's plans: one shared handle, whichever clone is asked or changed.
///
/// The keyring refuses keys of plans that are not in it; [`RateLimitLayer`](super::RateLimitLayer)
/// looks up what a plan admits. A change holds from the next request.
///
/// ```
/// use keygate::{PlanName, Plans, Quota};
///
/// let plans = Plans::new()
///     .with(PlanName::from_static("starter"), Quota::per_minute(300))
///     .with(PlanName::from_static("growth"), Quota::per_minute(1_000));
/// let seen_by_the_layer = plans.clone();
///
/// let starter = PlanName::from_static("starter");
/// plans.set(starter.clone(), Quota::per_minute(400));
/// assert_eq!(seen_by_the_layer.get(&starter), Some(Quota::per_minute(400)));
/// ```
#[derive(Clone, Default)]
pub struct Plans(Arc<ArcSwap<HashMap<PlanName, Quota>>>);

impl Plans {
    /// No plans yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a plan, or replaces its quota, in all clones.
    #[must_use]
    pub fn with(self, name: PlanName, quota: Quota) -> Self {
        self.set(name, quota);
        self
    }

    /// Adds a plan, or replaces its quota, in all clones.
    #[allow(clippy::needless_pass_by_value, reason = "the name goes into the map")]
    pub fn set(&self, name: PlanName, quota: Quota) {
        self.0.rcu(|plans| {
            let mut plans = HashMap::clone(plans);
            plans.insert(name.clone(), quota);
            plans
        });
    }

    /// Puts these in the place of all plans there were, at once and in all clones.
    ///
    /// ```
    /// use keygate::{PlanName, Plans, Quota};
    ///
    /// let plans = Plans::new().with(PlanName::from_static("starter"), Quota::per_minute(300));
    /// plans.replace([(PlanName::from_static("growth"), Quota::per_minute(1_000))]);
    /// assert_eq!(plans.names(), [PlanName::from_static("growth")]);
    /// ```
    pub fn replace(&self, plans: impl IntoIterator<Item = (PlanName, Quota)>) {
        self.0.store(Arc::new(plans.into_iter().collect()));
    }

    /// What a plan admits.
    #[must_use]
    pub fn get(&self, name: &PlanName) -> Option<Quota> {
        self.0.load().get(name).copied()
    }

    /// Whether there is such a plan.
    #[must_use]
    pub fn contains(&self, name: &PlanName) -> bool {
        self.0.load().contains_key(name)
    }

    /// The names of all plans, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<PlanName> {
        let mut names: Vec<_> = self.0.load().keys().cloned().collect();
        names.sort_unstable();
        names
    }
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.load().iter()).finish()
    }
}

impl PlanName {
    /// Takes a name that stands in the source.
    ///
    /// # Panics
    ///
    /// If it is no name of a plan; for texts from outside there is [`Self::parse`].
    #[must_use]
    #[allow(clippy::expect_used, reason = "documented, and for literals only")]
    pub fn from_static(name: &'static str) -> Self {
        Self::parse(name).expect("a literal that is the name of a plan")
    }

    /// Takes a name as text.
    ///
    /// # Errors
    ///
    /// [`InvalidPlanName`] if it is empty, too long or has other characters.
    pub fn parse(name: &str) -> Result<Self, InvalidPlanName> {
        let fits = (1..=64).contains(&name.len());
        let known = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits && known { Ok(Self(name.into())) } else { Err(InvalidPlanName) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for PlanName {
    type Err = InvalidPlanName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_see_a_change() {
        let plans = Plans::new();
        let clone = plans.clone().with(PlanName::from_static("scale"), Quota::per_second(50));
        assert!(plans.contains(&PlanName::from_static("scale")));
        assert!(!clone.contains(&PlanName::from_static("Scale")));
        assert_eq!(plans.names(), [PlanName::from_static("scale")]);
    }
}
