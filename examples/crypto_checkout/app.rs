//! The service apart from its process: tests drive this very app.

#[path = "../server/by_id.rs"]
mod by_id;
#[path = "../server/collection.rs"]
mod collection;
#[path = "../server/created.rs"]
mod created;
mod customers;
mod events;
mod links;
#[path = "../server/money.rs"]
mod money;
mod patch;
#[path = "../server/redis.rs"]
mod redis;
#[path = "../server/reference.rs"]
mod reference;
mod scopes;
mod sessions;
#[path = "../server/timestamp.rs"]
mod timestamp;
mod webhooks;

use std::error::Error;
use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::openapi::Info;
use axum::Router;
use keygate::manage::{BasicAuth, Dashboard};
use keygate::openapi::Layers;
use keygate::{
    AccountId, AuthLayer, Clock, EnvelopeLayer, IdempotencyLayer, KeyFormat, KeyStore, Keyring,
    KeyringBuilder, Mode, Quota, RateLimitLayer, TrustedProxies,
};
use schemars::JsonSchema;
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
    let envelope = EnvelopeLayer::standard().with_clock(Arc::clone(keys.clock()));
    let routes = ApiRouter::new().nest("/api/v1", api(keys, proxies, redis, once));
    reference::with_reference(routes, info(), &envelope)
        .nest("/dashboard", dashboard(keys).router(operator))
        .fallback(keygate::not_found)
        .layer(envelope)
}

/// The page of keys, in the service's words.
fn dashboard(keys: &Keyring) -> Dashboard {
    Dashboard::new(keys.clone())
        .service("Crypto Checkout")
        .mode_hint(Mode::Live, "Moves real funds")
        .mode_hint(Mode::Test, "Simulated: objects of its own, no funds")
        .example("curl {origin}/api/v1/payment_links -H 'Authorization: Bearer {key}'")
}

fn info() -> Info {
    Info {
        title: "Crypto Checkout".to_owned(),
        description: Some(
            "Payment links, checkout sessions, webhooks, events and customers.\n\n\
             Every request to the API needs a key, `ck_live_…` or `ck_test_…`, and a scope of it: \
             reading does not imply writing, nor writing reading. Live and test objects are apart; \
             those of the other mode are not found. Each key may call so often. An operation that \
             changes something is carried out once for each `Idempotency-Key`."
                .to_owned(),
        ),
        version: "1.0.0".to_owned(),
        ..Info::default()
    }
}

fn api(
    keys: &Keyring,
    proxies: TrustedProxies,
    redis: &Redis,
    once: IdempotencyLayer,
) -> ApiRouter {
    let auth = AuthLayer::new(keys.clone()).trusted_proxies(proxies);
    let limit = RateLimitLayer::per_key(QUOTA).with_clock(Arc::clone(keys.clock())).ietf_headers();
    let limit = redis.limits(limit);
    let layers = Layers::new().auth(&auth).rate_limit(&limit).idempotency(&once);
    ApiRouter::new()
        .merge(sessions::routes())
        .merge(links::routes())
        .merge(webhooks::routes())
        .merge(events::routes())
        .merge(customers::routes())
        .with_path_items(|item| layers.describe(item))
        // Unknown paths below the prefix need a key too.
        .fallback(keygate::not_found)
        .with_state(Arc::new(Checkout::new(Arc::clone(keys.clock()))))
        .layer(ServiceBuilder::new().layer(auth).layer(limit).layer(once))
}

/// What handlers share.
type State = Arc<Checkout>;
type Shared = axum::extract::State<State>;

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

/// Objects of one kind, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
struct Page<T> {
    data: Vec<T>,
}
