//! One request to a router and its answer.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use keygate::Peer;
use serde_json::Value;
use tower::ServiceExt;

/// A request under construction.
pub(crate) struct Call {
    request: Request<Vec<u8>>,
}

/// What came back, its body read to the end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn get(path: &str) -> Call {
    request(Method::GET, path)
}

pub(crate) fn post(path: &str) -> Call {
    request(Method::POST, path)
}

pub(crate) fn patch(path: &str) -> Call {
    request(Method::PATCH, path)
}

pub(crate) fn delete(path: &str) -> Call {
    request(Method::DELETE, path)
}

/// From 127.0.0.1, without TLS.
pub(crate) fn request(method: Method, path: &str) -> Call {
    let mut request = Request::new(Vec::new());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 50_000))));
    Call { request }
}

impl Call {
    /// Adds a line; other lines of the same name stay.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().unwrap();
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.request.headers_mut().append(name, value);
        self
    }

    pub(crate) fn bearer(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    pub(crate) fn basic(self, user: &str, password: &str) -> Self {
        let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.header("authorization", format!("Basic {credentials}"))
    }

    /// Comes over this connection.
    pub(crate) fn peer(mut self, ip: &str, tls: bool) -> Self {
        let addr = SocketAddr::new(ip.parse().unwrap(), 50_000);
        self.request.extensions_mut().insert(ConnectInfo(addr));
        self.request.extensions_mut().insert(Peer { addr, tls });
        self
    }

    #[allow(clippy::needless_pass_by_value, reason = "it is called with literals")]
    pub(crate) fn json(self, body: Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    pub(crate) async fn send(self, app: &Router) -> Answer {
        let response = app.clone().oneshot(self.request.map(Body::from)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

impl Answer {
    /// The same answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.shown());
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The value of a header that is there once.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name} on {}", self.status));
        assert!(values.next().is_none(), "more than one {name}");
        value.to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.header(name).parse().unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// Everything that was sent, for a look at what must not be in it. Bytes that are no UTF-8
    /// are replaced.
    pub(crate) fn shown(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| {
            format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
        });
        let body = String::from_utf8_lossy(&self.body);
        format!("{}\n{}\n{body}", self.status, headers.collect::<String>())
    }
}
