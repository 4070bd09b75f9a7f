//! The service apart from its process: tests drive this very app.

#[path = "../server/collection.rs"]
mod collection;
mod customers;
mod events;
mod links;
#[path = "../server/money.rs"]
mod money;
mod patch;
#[path = "../server/redis.rs"]
mod redis;
mod scopes;
mod sessions;
#[path = "../server/timestamp.rs"]
mod timestamp;
mod webhooks;

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use keygate::manage::{BasicAuth, Dashboard};
use keygate::{
    AccountId, AuthLayer, Clock, EnvelopeLayer, IdempotencyLayer, KeyFormat, KeyStore, Keyring,
    KeyringBuilder, Mode, Quota, RateLimitLayer, TrustedProxies,
};
use serde::Serialize;
use tower::ServiceBuilder;

use collection::{Collection, Owner};
pub(crate) use redis::Redis;
pub(crate) use scopes::*;
use timestamp::Timestamp;

/// Whom a key belongs to that was issued without an account.
const PLATFORM: &str = "acct_platform";

/// How often a key may call unless it has a quota of its own.
const QUOTA: Quota = Quota::per_minute(600);

/// `ck_live_` or `ck_test_` and 32 base62 characters, with the scopes of [`SCOPES`].
///
/// # Errors
///
/// None with the constants of this file.
pub(crate) fn keyring(store: impl KeyStore) -> Result<KeyringBuilder, Box<dyn Error>> {
    let format = KeyFormat::base62("ck", 32)?;
    let platform = AccountId::parse(PLATFORM)?;
    Ok(Keyring::builder(store, format).scopes(SCOPES).default_account(platform))
}

/// Everything that the service answers. `proxies` may say who the client is; `once` sees to it that
/// what is sent twice with one `Idempotency-Key` is carried out once.
pub(crate) fn app(
    keys: &Keyring,
    proxies: TrustedProxies,
    redis: &Redis,
    once: IdempotencyLayer,
    operator_password: &str,
) -> Router {
    let operator = BasicAuth::new("operator", operator_password)
        .with_clock(Arc::clone(keys.clock()))
        .trusted_proxies(proxies.clone());
    Router::new()
        .nest("/api/v1", api(keys, proxies, redis, once))
        .nest("/dashboard", dashboard(keys).router(operator))
        .fallback(keygate::not_found)
        .layer(EnvelopeLayer::standard().with_clock(Arc::clone(keys.clock())))
}

/// The page of keys, in the service's words.
fn dashboard(keys: &Keyring) -> Dashboard {
    Dashboard::new(keys.clone())
        .service("Crypto Checkout")
        .mode_hint(Mode::Live, "Moves real funds")
        .mode_hint(Mode::Test, "Simulated: objects of its own, no funds")
        .example("curl {origin}/api/v1/payment_links -H 'Authorization: Bearer {key}'")
}

fn api(keys: &Keyring, proxies: TrustedProxies, redis: &Redis, once: IdempotencyLayer) -> Router {
    let auth = AuthLayer::new(keys.clone()).trusted_proxies(proxies);
    let limit = RateLimitLayer::per_key(QUOTA).with_clock(Arc::clone(keys.clock())).ietf_headers();
    let limit = redis.limits(limit);
    Router::new()
        .route("/checkout_sessions", get(sessions::list).post(sessions::create))
        .route("/checkout_sessions/{id}", get(sessions::retrieve))
        .route("/payment_links", get(links::list).post(links::create))
        .route(
            "/payment_links/{id}",
            // One page of the service says "delete", the other "archive": both do the same.
            get(links::retrieve).patch(links::update).delete(links::archive),
        )
        .route("/payment_links/{id}/archive", post(links::archive))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/{id}", get(webhooks::retrieve).delete(webhooks::delete))
        .route("/webhooks/{id}/test", post(webhooks::test))
        .route("/events", get(events::list))
        .route("/events/{id}", get(events::retrieve))
        .route("/customers", get(customers::list).post(customers::create))
        .route("/customers/{id}", get(customers::retrieve).patch(customers::update))
        // Unknown paths below the prefix need a key too.
        .fallback(keygate::not_found)
        .with_state(Arc::new(Checkout::new(Arc::clone(keys.clock()))))
        .layer(ServiceBuilder::new().layer(auth).layer(limit).layer(once))
}

/// What handlers share.
type Shared = axum::extract::State<Arc<Checkout>>;

/// Every object of every account.
struct Checkout {
    clock: Arc<dyn Clock>,
    sessions: Collection<sessions::CheckoutSession>,
    links: Collection<links::PaymentLink>,
    webhooks: Collection<webhooks::Webhook>,
    events: Collection<events::Event>,
    customers: Collection<customers::Customer>,
}

impl Checkout {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            sessions: Collection::default(),
            links: Collection::default(),
            webhooks: Collection::default(),
            events: Collection::default(),
            customers: Collection::default(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::now(&*self.clock)
    }

    /// Notes that `what` happened to `object`.
    fn note(&self, owner: &Owner, what: &'static str, object: &impl Serialize) -> events::Event {
        let event = events::Event::new(owner, what, object, self.now());
        self.events.insert(owner, event.clone());
        event
    }
}

/// The body of every list.
#[derive(Debug, Serialize)]
struct Page<T> {
    data: Vec<T>,
}
