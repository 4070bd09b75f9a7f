use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Buf as _;
use http::header::HeaderName;
use http::{Method, Request, Response, response};
use http_body::Body;
use http_body_util::Collected;

use super::layer::Configuration;
use super::rule::{Rewrite, by_status, by_text, decide};
use super::{AsIs, RequestId};
use crate::error::redact::{cut, holds_key, redact, redact_path};
use crate::error::{Portion, RequestContext, write};
use crate::telemetry::{self, Outcome, RequestTrace};
use crate::{ApiError, ErrorBody, ErrorCode, Refusal};

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest path and the longest text of an error that is logged, in bytes.
const MAX_LOGGED: usize = 1024;

/// A request and its answer, seen from outside: all that the future knows but the inner future.
pub(super) struct Exchange {
    configuration: Arc<Configuration>,
    id: RequestId,
    method: Method,
    /// Whether another `EnvelopeLayer` stands outside; it then gives the id and leaves the line.
    nested: bool,
    /// Boxed: there is one only while somebody listens, and futures are moved around.
    trace: Option<Box<RequestTrace>>,
}

/// The inner service panicked.
pub(super) struct Panicked;

/// What is to be done with a response of the inner service.
pub(super) enum Settled<B> {
    /// Nothing more: here it is.
    Done(Response<B>),
    /// The text of its body is to be read first.
    Read(response::Parts, B),
}

impl Exchange {
    /// Gives the request its id.
    pub(super) fn open<B>(configuration: &Arc<Configuration>, request: &mut Request<B>) -> Self {
        let outer = request.extensions().get::<RequestId>().cloned();
        let nested = outer.is_some();
        let id = outer.unwrap_or_else(|| assign_id(configuration, request));
        let trace = (!nested && telemetry::requests_are_logged()).then(|| {
            let path = redact_path(request.uri().path());
            let path = cut(&path, MAX_LOGGED);
            // A method is any word, of any length.
            let method = redact(request.method().as_str());
            Box::new(RequestTrace::start(&cut(&method, MAX_LOGGED), &path, id.as_str()))
        });
        let (configuration, method) = (Arc::clone(configuration), request.method().clone());
        Self { configuration, id, method, nested, trace }
    }

    /// Runs a step of the inner service in the request's span, and stops a panic.
    pub(super) fn step<R>(&mut self, step: impl FnOnce() -> R) -> Result<R, Panicked> {
        // What panicked is not used again: a future is dropped, a service in an odd state stays
        // the application's affair, as it is without this layer.
        self.in_span(|| catch_unwind(AssertUnwindSafe(step)).map_err(|_| Panicked))
    }

    fn in_span<R>(&mut self, step: impl FnOnce() -> R) -> R {
        match &mut self.trace {
            Some(trace) => trace.scope(step),
            None => step(),
        }
    }

    /// Answers at once, or says that the body is to be read first.
    pub(super) fn settle<B: ErrorBody + Body>(&mut self, mut response: Response<B>) -> Settled<B> {
        let status = response.status();
        // What `decide` would find, without taking the response apart.
        if !status.is_client_error() && !status.is_server_error() {
            self.close(&mut response);
            return Settled::Done(response);
        }
        let (mut parts, body) = response.into_parts();
        match decide(&parts, &body.size_hint(), &self.method) {
            Rewrite::Keep => {
                let mut response = Response::from_parts(parts, body);
                self.close(&mut response);
                Settled::Done(response)
            }
            Rewrite::FromStatus => Settled::Done(self.answer_status(parts)),
            Rewrite::FromText if self.method == Method::HEAD => {
                let error = by_status(parts.status);
                Settled::Done(self.answer(parts, error, Portion::HeadersWithoutLength))
            }
            Rewrite::FromText => Settled::Read(parts, body),
            Rewrite::FromError => match parts.extensions.remove::<ApiError>() {
                Some(error) => {
                    // A handler may have answered with a status and an error: it wants that status.
                    let error = if error.status() == parts.status {
                        error
                    } else {
                        error.with_status(parts.status)
                    };
                    let portion = self.portion();
                    Settled::Done(self.answer(parts, error, portion))
                }
                None => Settled::Done(self.answer_status(parts)),
            },
        }
    }

    /// Answers with the text that was read, or without if it could not be.
    pub(super) fn settle_text<B: ErrorBody, D: bytes::Buf, E>(
        &mut self,
        parts: response::Parts,
        text: Result<Collected<D>, E>,
    ) -> Response<B> {
        let Ok(text) = text else { return self.answer_status(parts) };
        let mut buffer = text.aggregate();
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let text = String::from_utf8_lossy(&bytes);
        if parts.status.is_server_error() {
            let (status, text) = (parts.status.as_u16(), redact(&text));
            self.in_span(|| telemetry::failed_with_text(status, &cut(&text, MAX_LOGGED)));
        }
        let error = by_text(parts.status, &text);
        self.answer(parts, error, Portion::All)
    }

    /// Answers for a service that panicked. What it said goes nowhere.
    pub(super) fn answer_panic<B: ErrorBody>(&mut self) -> Response<B> {
        self.in_span(telemetry::panicked);
        let (parts, ()) = Response::new(()).into_parts();
        let portion = self.portion();
        self.answer(parts, ApiError::new(ErrorCode::Internal), portion)
    }

    /// Leaves the line of a request that has no response.
    pub(super) fn close_without_response(&mut self) {
        self.in_span(telemetry::inner_service_failed);
        if let Some(trace) = self.trace.take() {
            trace.finish(Outcome::default());
        }
    }

    fn answer_status<B: ErrorBody>(&mut self, parts: response::Parts) -> Response<B> {
        let (error, portion) = (by_status(parts.status), self.portion());
        self.answer(parts, error, portion)
    }

    fn answer<B: ErrorBody>(
        &mut self,
        mut parts: response::Parts,
        error: ApiError,
        portion: Portion,
    ) -> Response<B> {
        let context = RequestContext::new(Some(self.id.as_str()));
        let rendered = self.configuration.envelope.render(&error, &context);
        if self.nested {
            // The inner envelope has written it: the outer one must not write it again.
            parts.extensions.insert(AsIs);
        }
        let mut response = write(parts, error, rendered, portion);
        self.close(&mut response);
        response
    }

    fn portion(&self) -> Portion {
        if self.method == Method::HEAD { Portion::Headers } else { Portion::All }
    }

    fn close<B>(&mut self, response: &mut Response<B>) {
        if self.nested {
            return;
        }
        if let Some(id) = self.id.to_header() {
            response.headers_mut().insert(&X_REQUEST_ID, id);
        }
        if let Some(trace) = self.trace.take() {
            let error = response.extensions().get::<ApiError>();
            trace.finish(Outcome {
                status: Some(response.status().as_u16()),
                code: error.map(ApiError::code),
                refusal: error.and_then(ApiError::refusal).map(Refusal::as_str),
            });
        }
    }
}

/// The incoming id where those are accepted, else a new one; the request then carries no other.
fn assign_id<B>(configuration: &Configuration, request: &mut Request<B>) -> RequestId {
    let incoming = if configuration.accepts_incoming { incoming(request) } else { None };
    let id = incoming.unwrap_or_else(|| {
        // Most requests have none: a look at a few names costs less than a hash.
        if request.headers().keys().any(|name| *name == X_REQUEST_ID) {
            request.headers_mut().remove(&X_REQUEST_ID);
        }
        configuration.ids.next_id(&*configuration.clock)
    });
    request.extensions_mut().insert(id.clone());
    id
}

/// The only `x-request-id` of the request if it is an id and could not be a key.
fn incoming<B>(request: &Request<B>) -> Option<RequestId> {
    let mut lines = request.headers().get_all(&X_REQUEST_ID).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let text = line.to_str().ok()?;
    RequestId::parse(text).ok().filter(|_| !holds_key(text))
}
