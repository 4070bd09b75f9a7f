use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{Begin, Begun, Finish, IdempotencyStore, Lease};
use crate::store::StoreError;
use crate::unwind::caught;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// An [`IdempotencyStore`] whose type is forgotten, so that the layer has no parameter.
///
/// A panic is an error: what was done by then may have been applied or not, as with any other.
pub(crate) trait ErasedIdempotencyStore: Send + Sync + 'static {
    fn begin(&self, begin: Begin) -> Answer<'_, Begun>;
    fn renew(&self, lease: Lease, lease_for: Duration) -> Answer<'_, bool>;
    fn finish(&self, finish: Finish) -> Answer<'_, bool>;
    fn release(&self, lease: Lease) -> Answer<'_, ()>;
}

impl<S: IdempotencyStore> ErasedIdempotencyStore for S {
    fn begin(&self, begin: Begin) -> Answer<'_, Begun> {
        survived(async move { IdempotencyStore::begin(self, begin).await })
    }

    fn renew(&self, lease: Lease, lease_for: Duration) -> Answer<'_, bool> {
        survived(async move { IdempotencyStore::renew(self, lease, lease_for).await })
    }

    fn finish(&self, finish: Finish) -> Answer<'_, bool> {
        survived(async move { IdempotencyStore::finish(self, finish).await })
    }

    fn release(&self, lease: Lease) -> Answer<'_, ()> {
        survived(async move { IdempotencyStore::release(self, lease).await })
    }
}

fn survived<'a, T: 'a>(
    question: impl Future<Output = Result<T, StoreError>> + Send + 'a,
) -> Answer<'a, T> {
    Box::pin(async {
        let answer = caught(question).await;
        answer.unwrap_or_else(|_| Err(StoreError::permanent("it panicked")))
    })
}
