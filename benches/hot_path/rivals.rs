//! What one would use without keygate, written as well as one would write it.

use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tower::ServiceBuilder;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use crate::keys::{FEW, credentials};
use crate::rounds::{Candidate, Tower};
use crate::stacks::router;

pub const BY_HAND: &str = "from_fn, all by hand";
pub const WITH_TOWER_GOVERNOR: &str = "from_fn + tower_governor";
pub const TOWER_GOVERNOR: &str = "tower_governor alone";
pub const JWT: &str = "HS256 JWT";
pub const JWT_LIMITED: &str = "HS256 JWT + tower_governor";
pub const REFUSED: &str = "429 of tower_governor";

const BURST: NonZeroU32 = NonZeroU32::new(4_000).unwrap();
/// 4,000 a second, as keygate has it here.
const INTERVAL: Duration = Duration::from_micros(250);
const HOUR: Duration = Duration::from_hours(1);
const SECRET: &[u8] = b"a secret of thirty-two bytes: ok";

static LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

pub const ALL: &[Candidate] = &[
    (BY_HAND, |name| Box::new(Tower::warm(name, by_hand(), credentials(FEW)))),
    (WITH_TOWER_GOVERNOR, |name| {
        Box::new(Tower::warm(name, with_tower_governor(), credentials(FEW)))
    }),
    (TOWER_GOVERNOR, |name| Box::new(Tower::warm(name, tower_governor(), credentials(FEW)))),
    (JWT, |name| Box::new(Tower::warm(name, jwt(), tokens()))),
    (JWT_LIMITED, |name| Box::new(Tower::warm(name, jwt_limited(), tokens()))),
    (REFUSED, |name| {
        let app = router().layer(governor(HOUR, NonZeroU32::MIN)).with_state(());
        let refused = StatusCode::TOO_MANY_REQUESTS;
        Box::new(Tower::answering(refused, name, app, credentials(FEW)))
    }),
];

pub fn by_hand() -> Router {
    let limits = Limits { known: known(), limiter: limiter(), clock: DefaultClock::default() };
    router().layer(from_fn_with_state(Arc::new(limits), guard)).with_state(())
}

pub fn with_tower_governor() -> Router {
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(known(), authenticate))
        .layer(governor(INTERVAL, BURST));
    router().layer(layers).with_state(())
}

pub fn tower_governor() -> Router {
    router().layer(governor(INTERVAL, BURST)).with_state(())
}

pub fn jwt() -> Router {
    router().layer(from_fn_with_state(Tokens::new(), check_token)).with_state(())
}

fn jwt_limited() -> Router {
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(Tokens::new(), check_token))
        .layer(governor(INTERVAL, BURST));
    router().layer(layers).with_state(())
}

/// Who calls, as a service of one's own would keep it.
struct Caller {
    id: Arc<str>,
    #[allow(dead_code, reason = "for handlers")]
    account: String,
    #[allow(dead_code, reason = "for handlers")]
    scopes: Vec<String>,
}

type Known = moka::sync::Cache<[u8; 32], Arc<Caller>>;
type Limiter = RateLimiter<
    Arc<str>,
    DefaultKeyedStateStore<Arc<str>>,
    DefaultClock,
    StateInformationMiddleware,
>;

struct Limits {
    known: Arc<Known>,
    limiter: Limiter,
    clock: DefaultClock,
}

fn known() -> Arc<Known> {
    let cache = Known::builder().max_capacity(100_000).time_to_live(HOUR / 12).build();
    for credential in credentials(FEW) {
        let hash: [u8; 32] = Sha256::digest(&credential["Bearer ".len()..]).into();
        let id = format!("key_{}", &credential[15..37]).into();
        let scopes = vec!["links:read".to_owned(), "links:write".to_owned()];
        cache.insert(hash, Arc::new(Caller { id, account: "acct_1".to_owned(), scopes }));
    }
    Arc::new(cache)
}

fn limiter() -> Limiter {
    let quota = Quota::with_period(INTERVAL).unwrap().allow_burst(BURST);
    RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>()
}

fn find(known: &Known, request: &Request) -> Option<Arc<Caller>> {
    let value = request.headers().get(AUTHORIZATION)?.as_bytes();
    let key = value.strip_prefix(b"Bearer ")?;
    let hash: [u8; 32] = Sha256::digest(key).into();
    known.get(&hash)
}

async fn authenticate(
    State(known): State<Arc<Known>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(caller) = find(&known, &request) else { return unauthorized() };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

async fn guard(State(limits): State<Arc<Limits>>, mut request: Request, next: Next) -> Response {
    let Some(caller) = find(&limits.known, &request) else { return unauthorized() };
    let snapshot = match limits.limiter.check_key(&caller.id) {
        Ok(snapshot) => snapshot,
        Err(refused) => {
            let wait = refused.wait_time_from(limits.clock.now()).as_secs() + 1;
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", wait.to_string())])
                .into_response();
        }
    };
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    let burst = snapshot.quota().burst_size().get();
    let remaining = snapshot.remaining_burst_capacity();
    let refill = snapshot.quota().replenish_interval() * (burst - remaining);
    let full_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + refill;
    let headers = response.headers_mut();
    headers.insert(LIMIT.clone(), burst.into());
    headers.insert(REMAINING.clone(), remaining.into());
    headers.insert(RESET.clone(), (full_at.as_secs() + 1).into());
    response
}

fn unauthorized() -> Response {
    let challenge = (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    (StatusCode::UNAUTHORIZED, [challenge]).into_response()
}

/// Counts by the text of the credential.
#[derive(Clone)]
struct ByKey;

impl KeyExtractor for ByKey {
    type Key = String;

    fn extract<T>(&self, request: &axum::http::Request<T>) -> Result<String, GovernorError> {
        let value = request.headers().get(AUTHORIZATION);
        let key = value.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        key.map(str::to_owned).ok_or(GovernorError::UnableToExtractKey)
    }
}

fn governor(
    interval: Duration,
    burst: NonZeroU32,
) -> GovernorLayer<ByKey, StateInformationMiddleware, Body> {
    let config = GovernorConfigBuilder::default()
        .period(interval)
        .burst_size(burst.get())
        .key_extractor(ByKey)
        .use_headers()
        .finish();
    GovernorLayer::new(config.unwrap())
}

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    scope: String,
}

struct Tokens {
    key: DecodingKey,
    validation: Validation,
}

impl Tokens {
    fn new() -> Arc<Self> {
        let key = DecodingKey::from_secret(SECRET);
        Arc::new(Self { key, validation: Validation::new(Algorithm::HS256) })
    }
}

async fn check_token(
    State(tokens): State<Arc<Tokens>>,
    mut request: Request,
    next: Next,
) -> Response {
    let value = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let Some(token) = value.and_then(|value| value.strip_prefix(b"Bearer ")) else {
        return unauthorized();
    };
    let Ok(token) = decode::<Claims>(token, &tokens.key, &tokens.validation) else {
        return unauthorized();
    };
    request.extensions_mut().insert(token.claims);
    next.run(request).await
}

/// A token for each key, as `Authorization` has it.
pub fn tokens() -> Vec<String> {
    static EXPIRY: LazyLock<u64> =
        LazyLock::new(|| (SystemTime::now() + HOUR).duration_since(UNIX_EPOCH).unwrap().as_secs());
    let key = EncodingKey::from_secret(SECRET);
    let token = |number: usize| {
        let sub = format!("acct_{number:016}");
        let claims = Claims { sub, exp: *EXPIRY, scope: "links:read links:write".to_owned() };
        format!("Bearer {}", encode(&Header::default(), &claims, &key).unwrap())
    };
    (0..FEW).map(token).collect()
}
