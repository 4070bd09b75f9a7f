use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt as _, service_fn};

use super::Answer;
use crate::envelope::{
    AsIs, EnvelopeService, RequestId, RequestIds as _, ShortRequestIds, UlidRequestIds,
};
use crate::error::{Envelope, Rendered, RequestContext, respond};
use crate::{ApiError, EnvelopeLayer, ErrorCode, ManualClock, Refusal};

type Answers = Response<Full<Bytes>>;

/// The answer of the standard layer around a service that always answers `response`.
async fn answer(method: Method, response: Answers) -> Answer {
    let service = EnvelopeLayer::standard().layer(service_fn(move |_: Request<()>| {
        let response = response.clone();
        async move { Ok::<_, Infallible>(response) }
    }));
    let request = Request::builder().method(method).uri("/x").body(()).unwrap();
    Answer::read(service.oneshot(request).await.unwrap()).await
}

fn status(status: u16) -> Answers {
    Response::builder().status(status).body(Full::default()).unwrap()
}

fn text(code: u16, text: &'static str) -> Answers {
    let mut response = status(code).map(|_| Full::from(text));
    response.headers_mut().insert("content-type", "text/plain; charset=utf-8".parse().unwrap());
    response
}

#[tokio::test]
async fn a_bare_status_becomes_the_envelope_with_the_requests_id() {
    let answer = answer(Method::GET, status(404)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let id = answer.header("x-request-id");
    assert!(id.starts_with("req_") && id.len() == 30, "{id}");
    assert_eq!(answer.json()["error"]["requestId"], id);
}

#[tokio::test]
async fn a_text_becomes_the_message_of_a_4xx_and_is_kept_from_a_5xx() {
    let refused = answer(Method::GET, text(400, "Invalid URL")).await;
    assert_eq!(
        (refused.code().as_str(), refused.message().as_str()),
        ("invalid_body", "Invalid URL")
    );
    let failed = answer(Method::GET, text(500, "password=hunter2")).await;
    assert_eq!(failed.message(), ErrorCode::Internal.sentence());
}

#[tokio::test]
async fn what_is_no_error_or_the_applications_own_is_untouched_but_for_the_id() {
    let mut own = status(400).map(|_| Full::from("{}"));
    own.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let mut marked = text(410, "as it is");
    marked.extensions_mut().insert(AsIs);
    for (response, body) in [(own, "{}"), (marked, "as it is"), (text(200, "fine"), "fine")] {
        let (before, _) = response.clone().into_parts();
        let answer = answer(Method::GET, response).await;
        assert_eq!(answer.status, before.status);
        assert_eq!(answer.body, body);
        let mut headers = answer.headers.clone();
        assert!(headers.remove("x-request-id").is_some());
        assert_eq!(headers, before.headers);
    }
}

#[tokio::test]
async fn a_switch_of_protocols_is_untouched() {
    let mut response = status(101);
    response.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    let answer = answer(Method::GET, response).await;
    assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(answer.header("upgrade"), "websocket");
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn all_headers_stay_but_those_of_the_old_body() {
    let mut response = text(404, "no");
    for (name, value) in [
        ("content-length", "2"),
        ("transfer-encoding", "chunked"),
        ("etag", "\"1\""),
        ("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("x-ratelimit-limit", "300"),
        ("vary", "origin"),
        ("set-cookie", "a=b"),
    ] {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    let answer = answer(Method::GET, response).await;
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    for gone in ["transfer-encoding", "etag", "last-modified"] {
        assert!(!answer.headers.contains_key(gone), "{gone}");
    }
    for kept in ["x-ratelimit-limit", "vary", "set-cookie"] {
        assert!(answer.headers.contains_key(kept), "{kept}");
    }
}

#[tokio::test]
async fn head_has_gets_headers_and_no_body() {
    let mut error = status(404);
    error.extensions_mut().insert(ApiError::not_found());
    for response in [status(404), error] {
        let get = answer(Method::GET, response.clone()).await;
        let head = answer(Method::HEAD, response).await;
        assert!(head.body.is_empty());
        assert_eq!(head.status, get.status);
        for name in ["content-type", "content-length"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
    }
    // What GET's text is nobody knows here: no length is better than a false one.
    let head = answer(Method::HEAD, text(400, "")).await;
    assert!(!head.headers.contains_key("content-length"));
    assert_eq!(head.header("content-type"), "application/json");
}

/// A body that tells no size and panics when it is read.
struct Stream;

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("a streaming body was read");
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::new()
    }
}

#[tokio::test]
async fn a_streaming_body_is_not_read() {
    let service = EnvelopeLayer::standard().layer(service_fn(async |_: Request<()>| {
        let response = Response::builder()
            .status(500)
            .header("content-type", "text/plain; charset=utf-8")
            .body(UnsyncBoxBody::new(Stream));
        Ok::<_, Infallible>(response.unwrap())
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
}

#[tokio::test]
async fn a_text_that_cannot_be_read_is_answered_by_its_status() {
    struct Broken;
    impl Body for Broken {
        type Data = Bytes;
        type Error = &'static str;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
            Poll::Ready(Some(Err("broken")))
        }
        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(5)
        }
    }
    let service = EnvelopeLayer::standard().layer(service_fn(async |_: Request<()>| {
        let response = Response::builder()
            .status(400)
            .header("content-type", "text/plain; charset=utf-8")
            .body(UnsyncBoxBody::new(Broken));
        Ok::<_, Infallible>(response.unwrap())
    }));
    let answer = Answer::read(service.oneshot(Request::new(())).await.unwrap()).await;
    assert_eq!(answer.message(), ErrorCode::InvalidBody.sentence());
}

#[tokio::test]
async fn a_panic_in_call_or_in_poll_is_a_500_that_says_nothing() {
    let in_call = service_fn(|request: Request<()>| {
        assert!(request.uri() == "/never", "secret of call");
        std::future::pending::<Result<Answers, Infallible>>()
    });
    let answer_of_call = EnvelopeLayer::standard().layer(in_call).oneshot(Request::new(())).await;
    let in_poll = service_fn(async |request: Request<()>| {
        tokio::task::yield_now().await;
        assert!(request.uri() == "/never", "secret of poll");
        Ok::<_, Infallible>(status(200))
    });
    let answer_of_poll = EnvelopeLayer::standard().layer(in_poll).oneshot(Request::new(())).await;
    for response in [answer_of_call, answer_of_poll] {
        let answer = Answer::read(response.unwrap()).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.code(), "internal");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
        assert_eq!(answer.json()["error"]["requestId"], answer.header("x-request-id"));
    }
}

#[tokio::test]
async fn an_error_of_the_service_itself_passes_through() {
    let service = service_fn(async |_: Request<()>| Err::<Answers, _>("gone"));
    let result = EnvelopeLayer::standard().layer(service).oneshot(Request::new(())).await;
    assert_eq!(result.err(), Some("gone"));
}

/// Panics if it is called before it said that it is ready.
#[derive(Clone)]
struct Strict {
    ready: bool,
}

impl Service<Request<&'static str>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<&'static str>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        std::future::ready(Ok(Response::new(Full::from(*request.body()))))
    }
}

#[tokio::test]
async fn the_ready_service_is_the_one_that_is_called_and_the_body_reaches_it() {
    let mut service = EnvelopeLayer::standard().layer(Strict { ready: false });
    for _ in 0..2 {
        let ready = service.ready().await.unwrap();
        let answer = Answer::read(ready.call(Request::new("untouched")).await.unwrap()).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"untouched"[..]));
    }
}

#[tokio::test]
async fn a_concurrency_limit_inside_gets_its_permits_back() {
    let panics = service_fn(async |request: Request<()>| {
        assert!(request.uri() == "/fine", "stop");
        Ok::<_, Infallible>(status(200))
    });
    let limited = tower::limit::ConcurrencyLimit::new(panics, 1);
    let mut service = EnvelopeLayer::standard().layer(limited);
    for _ in 0..3 {
        let future = service.ready().await.unwrap().call(Request::new(()));
        assert_eq!(future.await.unwrap().status(), 500);
        drop(service.ready().await.unwrap().call(Request::new(())));
    }
    let fine = Request::builder().uri("/fine").body(()).unwrap();
    assert_eq!(service.ready().await.unwrap().call(fine).await.unwrap().status(), 200);
}

/// Answers with the request's id as a header, as the handler sees it, and with what it came with.
fn echo() -> impl Service<Request<()>, Response = Answers, Error = Infallible, Future: Send> + Clone
{
    service_fn(async |request: Request<()>| {
        let id = request.extensions().get::<RequestId>().unwrap().clone();
        let mut response = status(200);
        response.headers_mut().insert("seen", id.as_str().parse().unwrap());
        if let Some(came) = request.headers().get("x-request-id") {
            response.headers_mut().insert("came", came.clone());
        }
        Ok::<_, Infallible>(response)
    })
}

async fn with_incoming(layer: EnvelopeLayer, incoming: &[&[u8]]) -> Answer {
    let mut request = Request::new(());
    for id in incoming {
        let id = http::HeaderValue::from_bytes(id).unwrap();
        request.headers_mut().append("x-request-id", id);
    }
    Answer::read(layer.layer(echo()).oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn the_id_in_the_extensions_is_the_one_in_the_answer() {
    let answer = with_incoming(EnvelopeLayer::standard(), &[]).await;
    assert_eq!(answer.header("seen"), answer.header("x-request-id"));
    let short = EnvelopeLayer::standard().request_ids(ShortRequestIds);
    assert_eq!(with_incoming(short, &[]).await.header("x-request-id").len(), 14);
    let own = EnvelopeLayer::standard().request_ids(|| RequestId::parse("mine").unwrap());
    assert_eq!(with_incoming(own, &[]).await.header("x-request-id"), "mine");
    let dated = EnvelopeLayer::standard().with_clock(ManualClock::new());
    let then = UlidRequestIds.next_id(&ManualClock::new());
    let (time, _) = then.as_str().split_at("req_".len() + 10);
    assert!(with_incoming(dated, &[]).await.header("seen").starts_with(time));
}

#[tokio::test]
async fn an_incoming_id_is_replaced_unless_it_is_accepted() {
    let answer = with_incoming(EnvelopeLayer::standard(), &[b"from-outside"]).await;
    assert_ne!(answer.header("x-request-id"), "from-outside");
    assert_eq!(answer.header("came"), "", "no handler sees it");
    let accepting = EnvelopeLayer::standard().accept_incoming_request_ids();
    let answer = with_incoming(accepting, &[b"from-outside"]).await;
    assert_eq!(answer.header("x-request-id"), "from-outside");
    assert_eq!(answer.header("came"), "from-outside");
}

#[tokio::test]
async fn h5_s1_a_hostile_incoming_id_is_replaced_and_never_reflected() {
    let longer = [b'a'; 129];
    let hostile: [&[&[u8]]; 8] = [
        &[&longer],
        &[b"a\"b"],
        &[b"a\\b"],
        &[b"\xc3\xa9"],
        &[b"a b"],
        &[b""],
        &[b"one", b"two"],
        &[concat!("ck_", "live_", "0123456789ABCDEFGHIJKLMNOPQRSTUV").as_bytes()],
    ];
    for ids in hostile {
        for layer in
            [EnvelopeLayer::standard(), EnvelopeLayer::standard().accept_incoming_request_ids()]
        {
            let answer = with_incoming(layer, ids).await;
            assert!(answer.header("x-request-id").starts_with("req_"), "{ids:?}");
            assert_eq!(answer.header("came"), "", "{ids:?}");
        }
    }
}

struct Paykore;

impl Envelope for Paykore {
    fn render(&self, error: &ApiError, _: &RequestContext<'_>) -> Rendered {
        let status = match error.status() {
            StatusCode::BAD_REQUEST => StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN => StatusCode::NOT_FOUND,
            other => other,
        };
        Rendered::json(status, &error.code())
    }
}

fn refusing(
    error: ApiError,
) -> EnvelopeService<impl Service<Request<()>, Response = Answers, Error = Infallible, Future: Send>>
{
    EnvelopeLayer::new(Paykore).layer(service_fn(move |request: Request<()>| {
        let response: Answers = respond(error.clone(), request.extensions());
        async move { Ok::<_, Infallible>(response) }
    }))
}

#[tokio::test]
async fn the_final_status_decides_the_headers() {
    let ambiguous =
        ApiError::new(ErrorCode::AmbiguousCredentials).with_refusal(Refusal::AmbiguousCredentials);
    let response = refusing(ambiguous).oneshot(Request::new(())).await.unwrap();
    assert!(response.extensions().get::<ApiError>().is_some(), "the reason stays inside");
    let answer = Answer::read(response).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="api", error="invalid_request""#);
    assert_eq!(answer.header("cache-control"), "no-store");

    let scope = crate::ScopeName::from_static("a:read");
    let response = refusing(ApiError::insufficient_scope([scope])).oneshot(Request::new(())).await;
    let answer = Answer::read(response.unwrap()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(!answer.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn without_the_layer_a_refusal_is_the_standard_envelope_without_an_id() {
    let response: Answers = respond(ApiError::not_found(), &http::Extensions::new());
    let answer = Answer::read(response).await;
    assert_eq!(
        &answer.body[..],
        br#"{"error":{"type":"not_found","code":"not_found","message":"No such resource."}}"#
    );
    assert!(!answer.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn of_two_layers_the_inner_writes_and_the_outer_gives_the_id() {
    let inner = EnvelopeLayer::new(Paykore)
        .layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(status(404))));
    let answer = Answer::read(
        EnvelopeLayer::standard().layer(inner).oneshot(Request::new(())).await.unwrap(),
    )
    .await;
    assert_eq!(&answer.body[..], b"\"not_found\"");
    assert_eq!(answer.headers.get_all("x-request-id").iter().count(), 1);
}

#[tokio::test]
async fn a_status_set_beside_an_error_is_the_handlers_wish() {
    let mut response = status(410);
    response.extensions_mut().insert(ApiError::not_found());
    let answer = answer(Method::GET, response).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::GONE, "not_found"));
}

#[tokio::test]
async fn a_boxed_body_works_as_well() {
    let service = EnvelopeLayer::standard().layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(text(404, "none").map(BodyExt::boxed))
    }));
    let answer = Answer::read(service.oneshot(Request::new(())).await.unwrap()).await;
    assert_eq!(answer.message(), "none");
}
