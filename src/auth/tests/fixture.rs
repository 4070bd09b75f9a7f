//! A keyring over a store that can fail, requests with headers, and answers taken apart.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt};

use crate::client_ip::Peer;
use crate::store::MemoryStore;
use crate::test_util::{Fault, FaultyStore};
use crate::{AccountId, Clock, KeyFormat, Keyring, Mode, NewKey, scopes};

scopes! {
    /// Everything a key of these tests can be issued with.
    pub(crate) catalogue SCOPES;
    /// List and retrieve payment links.
    pub(crate) LinksRead = "links:read";
    /// Create, update and archive payment links.
    pub(crate) LinksWrite = "links:write";
}

/// Well-formed and never issued.
pub(crate) const UNKNOWN: &str = "ck_test_0123456789abcdefghijklmnopqrstuv";

pub(crate) type Body = Full<Bytes>;

pub(crate) struct Fixture {
    pub(crate) keys: Keyring,
    pub(crate) store: FaultyStore<MemoryStore>,
    runs: Arc<AtomicUsize>,
}

/// A response, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: Extensions,
    pub(crate) body: String,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::on(crate::SystemClock)
    }

    pub(crate) fn on(clock: impl Clock) -> Self {
        let store = FaultyStore::new(MemoryStore::new());
        let secret = KeyFormat::base62("ck", 32).unwrap();
        let publishable = KeyFormat::base62("pk", 32).unwrap().publishable();
        let builder = Keyring::builder(store.clone(), secret).accept(publishable).scopes(SCOPES);
        // The deadline is real time: a busy machine is not what these tests are about.
        let builder = builder.with_clock(clock).deadline(Duration::from_secs(20));
        // Few keys: without optimisation a large cache takes long to make and to drop.
        let builder = builder.capacity(256);
        Self { keys: builder.build().unwrap(), store, runs: Arc::default() }
    }

    pub(crate) async fn issue(&self, new: NewKey) -> String {
        self.keys.issue(new).await.unwrap().key().expose().to_owned()
    }

    /// A test key with `links:read` of `acct_platform`.
    pub(crate) async fn test_key(&self) -> String {
        let account = AccountId::parse("acct_platform").unwrap();
        let new = NewKey::named("test").mode(Mode::Test).scope(LinksRead).account(account);
        self.issue(new).await
    }

    /// How many times an inner service of [`Self::inner`] ran.
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub(crate) fn fail(&self) {
        self.store.set(Fault::Fail);
    }

    /// Says who it thinks has called.
    pub(crate) fn inner(
        &self,
    ) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static {
        let runs = Arc::clone(&self.runs);
        tower::service_fn(move |request: Request<Body>| {
            runs.fetch_add(1, Ordering::SeqCst);
            let caller = super::super::caller(request.extensions());
            let name = match caller.unwrap() {
                Some(principal) => principal.key_id().to_string(),
                None => "anonymous".to_owned(),
            };
            std::future::ready(Ok(Response::new(Body::from(name))))
        })
    }
}

/// A request with these header lines.
pub(crate) fn request(lines: &[(&'static str, &[u8])]) -> Request<Body> {
    let mut request = Request::new(Body::from("the body"));
    for (name, value) in lines {
        request.headers_mut().append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    request
}

pub(crate) fn with_bearer(key: &str) -> Request<Body> {
    request(&[("authorization", format!("Bearer {key}").as_bytes())])
}

/// The same request over a connection from this address.
pub(crate) fn from(ip: &str, mut request: Request<Body>) -> Request<Body> {
    let addr = (ip.parse::<IpAddr>().unwrap(), 4711).into();
    request.extensions_mut().insert(Peer { addr, tls: false });
    request
}

pub(crate) async fn send<S, B>(service: S, request: Request<B>) -> Answer
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Error: std::fmt::Debug,
{
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let (status, headers, extensions) = (parts.status, parts.headers, parts.extensions);
    Answer { status, headers, extensions, body }
}

impl Answer {
    /// The header's lines, with bars in between.
    pub(crate) fn header(&self, name: &str) -> String {
        let lines = self.headers.get_all(name).iter().map(|line| line.to_str().unwrap());
        lines.collect::<Vec<_>>().join(" | ")
    }

    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["error"]["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn refusal(&self) -> &'static str {
        let error = self.extensions.get::<crate::ApiError>().unwrap();
        error.refusal().unwrap().as_str()
    }
}
