use std::sync::Arc;

use crate::Quota;
use crate::rate_limit::bucket::Owner;
use crate::rate_limit::label::Label;
use crate::rate_limit::limiter::Charge;
use crate::rate_limit::local::Buckets;

/// A charge that outlives its request.
#[derive(Debug)]
pub(super) struct Owned {
    of: usize,
    label: Label,
    buckets: Arc<Buckets>,
    owner: Owner,
    quota: Quota,
}

impl Owned {
    pub(super) fn of(charge: &Charge<'_>) -> Self {
        Self {
            of: charge.of,
            label: charge.label.clone(),
            buckets: Arc::clone(charge.buckets),
            owner: charge.who.to_owner(),
            quota: charge.quota,
        }
    }

    /// Without the account: it is not to be named any more.
    pub(super) fn as_charge(&self) -> Charge<'_> {
        let (label, buckets) = (&self.label, &self.buckets);
        Charge {
            of: self.of,
            label,
            buckets,
            who: self.owner.as_who(),
            account: None,
            quota: self.quota,
        }
    }
}
