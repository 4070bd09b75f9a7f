//! The service apart from its process: tests drive this very app.

#[path = "../server/by_id.rs"]
mod by_id;
#[path = "../server/collection.rs"]
mod collection;
#[path = "../server/created.rs"]
mod created;
mod envelope;
#[path = "../server/money.rs"]
mod money;
#[path = "../server/redis.rs"]
mod redis;
#[path = "../server/reference.rs"]
mod reference;
#[path = "../server/timestamp.rs"]
mod timestamp;
mod wallets;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aide::axum::ApiRouter;
use aide::openapi::Info;
use axum::Router;
use keygate::envelope::ShortRequestIds;
use keygate::manage::{BasicAuth, Dashboard};
use keygate::openapi::Layers;
use keygate::{
    AccountId, AuthLayer, Clock, EnvelopeLayer, KeyFormat, KeyStore, Keyring, KeyringBuilder, Mode,
    PlanName, Plans, Quota, RateLimitLayer, TrustedProxies,
};
use tower::ServiceBuilder;

use collection::Collection;
use envelope::PayKoreEnvelope;
pub(crate) use redis::Redis;

pub(crate) const STARTER: &str = "starter";
pub(crate) const GROWTH: &str = "growth";
/// What Scale admits is agreed with the partner and stands on the key.
pub(crate) const SCALE: &str = "scale";

/// The tier of a key that has none.
const STARTER_QUOTA: Quota = Quota::per_minute(300);
const GROWTH_QUOTA: Quota = Quota::per_minute(1_000);

/// Whom a key belongs to that was issued without an account.
const PLATFORM: &str = "acct_platform";

/// What a deployment serves: one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    Live,
    Sandbox,
}

impl Environment {
    /// The keys that work against it.
    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Live => Mode::Live,
            Self::Sandbox => Mode::Test,
        }
    }
}

/// Secret and publishable keys of 64 hex characters, and the three tiers.
///
/// # Errors
///
/// None with the constants of this file.
pub(crate) fn keyring(store: impl KeyStore) -> Result<KeyringBuilder, Box<dyn Error>> {
    let secret = KeyFormat::lower_hex("sk", 64)?;
    let publishable = KeyFormat::lower_hex("pk", 64)?.publishable();
    let plans = Plans::new()
        .with(PlanName::from_static(STARTER), STARTER_QUOTA)
        .with(PlanName::from_static(GROWTH), GROWTH_QUOTA)
        // Until the key has its own.
        .with(PlanName::from_static(SCALE), GROWTH_QUOTA);
    Ok(Keyring::builder(store, secret)
        .accept(publishable)
        .plans(plans)
        .positive_ttl(Duration::from_mins(5))
        .default_account(AccountId::parse(PLATFORM)?))
}

/// Everything that the service answers. `proxies` may say who the client is.
pub(crate) fn app(
    keys: &Keyring,
    environment: Environment,
    proxies: TrustedProxies,
    redis: &Redis,
    operator_password: &str,
) -> Router {
    let operator = BasicAuth::new("operator", operator_password)
        .with_clock(Arc::clone(keys.clock()))
        .trusted_proxies(proxies.clone());
    let envelope = EnvelopeLayer::new(PayKoreEnvelope)
        .request_ids(ShortRequestIds)
        .with_clock(Arc::clone(keys.clock()));
    let routes = ApiRouter::new().nest("/v1", api(keys, environment, proxies, redis));
    reference::with_reference(routes, info(), &envelope)
        .nest("/dashboard", dashboard(keys).router(operator))
        .fallback(keygate::not_found)
        .layer(envelope)
}

/// The page of keys, in the service's words.
fn dashboard(keys: &Keyring) -> Dashboard {
    Dashboard::new(keys.clone())
        .service("PayKore")
        .name_label("Label")
        .account_label("Partner")
        .plan_label("Tier")
        .expiry_label("Expiry")
        .mode_hint(Mode::Live, "For the live environment")
        .mode_hint(Mode::Test, "For the sandbox")
        .example("curl {origin}/v1/wallets -H 'X-API-Key: {key}'")
}

fn info() -> Info {
    Info {
        title: "PayKore".to_owned(),
        description: Some(
            "Wallets.\n\n\
             Every request needs a secret key, preferably in `X-API-Key`. A deployment serves one \
             environment, live or sandbox, and keys of it alone. How often a key may call is a \
             matter of the partner's tier: Starter 300 times a minute, Growth 1,000 times, Scale \
             as agreed."
                .to_owned(),
        ),
        version: "1.0.0".to_owned(),
        ..Info::default()
    }
}

fn api(
    keys: &Keyring,
    environment: Environment,
    proxies: TrustedProxies,
    redis: &Redis,
) -> ApiRouter {
    let auth = AuthLayer::new(keys.clone())
        .header("x-api-key")
        .mode(environment.mode())
        .trusted_proxies(proxies);
    let limit = RateLimitLayer::per_key(STARTER_QUOTA)
        .with_clock(Arc::clone(keys.clock()))
        .plans(keys.plans().clone());
    let limit = redis.limits(limit);
    let paykore = PayKore { clock: Arc::clone(keys.clock()), wallets: Collection::default() };
    let layers = Layers::new().auth(&auth).rate_limit(&limit);
    ApiRouter::new()
        .merge(wallets::routes())
        .with_path_items(|item| layers.describe(item))
        // Unknown paths below the prefix need a key too.
        .fallback(keygate::not_found)
        .with_state(Arc::new(paykore))
        .layer(ServiceBuilder::new().layer(auth).layer(limit))
}

/// What handlers share.
type State = Arc<PayKore>;
type Shared = axum::extract::State<State>;

/// Every object of every partner.
struct PayKore {
    clock: Arc<dyn Clock>,
    wallets: Collection<wallets::Wallet>,
}
