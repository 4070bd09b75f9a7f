//! The service apart from its process: tests drive this very app.

mod accounts;
#[path = "../server/by_id.rs"]
mod by_id;
#[path = "../server/collection.rs"]
mod collection;
#[path = "../server/created.rs"]
mod created;
mod envelope;
mod links;
#[path = "../server/money.rs"]
mod money;
#[path = "../server/pool.rs"]
mod pool;
#[path = "../server/redis.rs"]
mod redis;
#[path = "../server/reference.rs"]
mod reference;
mod scopes;
#[path = "../server/timestamp.rs"]
mod timestamp;
mod wallet;

use std::error::Error;
use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::openapi::Info;
use axum::Router;
use keygate::client_ip::TrustedProxies;
use keygate::manage::{BasicAuth, Dashboard};
use keygate::openapi::Layers;
use keygate::{
    AccountId, AuthLayer, Clock, EnvelopeLayer, KeyFormat, KeyStore, Keyring, KeyringBuilder, Mode,
    ModeWords, Quota, RateLimitLayer,
};
use tower::ServiceBuilder;

pub(crate) use accounts::Accounts;
use collection::Collection;
use envelope::PikEnvelope;
pub(crate) use redis::Redis;
pub(crate) use scopes::*;

/// How often a key may call unless it has a quota of its own.
const QUOTA: Quota = Quota::per_minute(600);

/// `pik_production_` or `pik_sandbox_`, 32 base62 characters and 6 of a checksum.
///
/// # Errors
///
/// None with the constants of this file.
pub(crate) fn keyring(store: impl KeyStore) -> Result<KeyringBuilder, Box<dyn Error>> {
    let words = ModeWords::new("production", "sandbox")?;
    let format = KeyFormat::base62("pik", 32)?.words(words).checksum();
    let platform = AccountId::parse(accounts::PLATFORM)?;
    Ok(Keyring::builder(store, format).scopes(SCOPES).default_account(platform))
}

/// Everything that the service answers. `proxies` may say who the client is, and that a request came
/// over HTTPS.
pub(crate) fn app(
    keys: &Keyring,
    accounts: &Accounts,
    proxies: TrustedProxies,
    redis: &Redis,
    operator_password: &str,
) -> Router {
    let operator = BasicAuth::new("operator", operator_password)
        .with_clock(Arc::clone(keys.clock()))
        .trusted_proxies(proxies.clone());
    let envelope = EnvelopeLayer::new(PikEnvelope).with_clock(Arc::clone(keys.clock()));
    let routes = ApiRouter::new().nest("/v1", api(keys, proxies, accounts, redis));
    reference::with_reference(routes, info(), &envelope)
        // The HTTPS rule is the API's: the dashboard opens on loopback.
        .nest("/dashboard", dashboard(keys).router(operator))
        .fallback(keygate::not_found)
        .layer(envelope)
}

/// The page of keys, in the service's words.
fn dashboard(keys: &Keyring) -> Dashboard {
    Dashboard::new(keys.clone())
        .service("PIK")
        .mode_hint(Mode::Live, "Moves real funds")
        .mode_hint(Mode::Test, "Simulated")
        .account_label("Platform account")
        .example(
            "curl {origin}/v1/payment-links -H 'x-forwarded-proto: https' \
             -H 'Authorization: Bearer {key}'",
        )
}

fn info() -> Info {
    Info {
        title: "PIK".to_owned(),
        description: Some(
            "Payment links and wallets, of a platform and of the accounts that are connected to \
             it.\n\n\
             Every request is made over HTTPS, with a key in `Authorization: Bearer KEY`: \
             `pik_production_…` moves real funds, `pik_sandbox_…` simulates. `x-on-behalf-of` names \
             the connected account that a request is made for; without it the request is the \
             platform's own."
                .to_owned(),
        ),
        version: "1.0.0".to_owned(),
        ..Info::default()
    }
}

fn api(keys: &Keyring, proxies: TrustedProxies, accounts: &Accounts, redis: &Redis) -> ApiRouter {
    let auth = AuthLayer::new(keys.clone()).trusted_proxies(proxies).require_https();
    let limit = RateLimitLayer::per_key(QUOTA).with_clock(Arc::clone(keys.clock()));
    let limit = redis.limits(limit);
    // Inside the limit: a key pays for the accounts that it asks for.
    let on_behalf_of = accounts.layer();
    let layers = Layers::new().auth(&auth).rate_limit(&limit).on_behalf_of(&on_behalf_of);
    let pik = Pik {
        clock: Arc::clone(keys.clock()),
        links: Collection::default(),
        accounts: accounts.clone(),
    };
    ApiRouter::new()
        .merge(links::routes())
        .merge(wallet::routes())
        .with_path_items(|item| layers.describe(item))
        // Unknown paths below the prefix need a key too.
        .fallback(keygate::not_found)
        .with_state(Arc::new(pik))
        .layer(ServiceBuilder::new().layer(auth).layer(limit).layer(on_behalf_of))
}

/// What handlers share.
type State = Arc<Pik>;
type Shared = axum::extract::State<State>;

/// Every object of every account.
struct Pik {
    clock: Arc<dyn Clock>,
    links: Collection<links::PaymentLink>,
    accounts: Accounts,
}
