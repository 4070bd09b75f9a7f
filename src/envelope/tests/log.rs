use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt as _, service_fn};

use crate::error::respond;
use crate::telemetry::captured;
use crate::test_util::principal;
use crate::{AccountId, ApiError, EnvelopeLayer, ErrorCode, Mode, Refusal, ScopeSet, telemetry};

const KEY: &str = concat!("ck_", "live_", "0123456789ABCDEFGHIJKLMNOPQRSTUV");

/// What is logged at `level` while a request to `uri` is answered by `answer`.
fn logged(level: &str, uri: &str, answer: Handler) -> Vec<String> {
    logged_of(level, "GET", uri, answer)
}

type Handler = fn(&Request<()>) -> Response<Full<Bytes>>;

/// The same of a request with another method.
fn logged_of(level: &str, method: &str, uri: &str, answer: Handler) -> Vec<String> {
    captured::lines(level, || {
        let service = EnvelopeLayer::standard()
            .layer(service_fn(async |request: Request<()>| Ok::<_, Infallible>(answer(&request))));
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("x-request-id", KEY)
            .header("authorization", format!("Bearer {KEY}"))
            .body(())
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(service.oneshot(request)).unwrap();
    })
}

fn accepted(_: &Request<()>) -> Response<Full<Bytes>> {
    let platform = principal("acct_1", Mode::Live, []);
    telemetry::record_principal(&platform);
    let bakery = AccountId::from_static("acct_bakery");
    telemetry::record_principal(&platform.acting_for(bakery, ScopeSet::empty()));
    tracing::info!("in the handler");
    Response::new(Full::default())
}

fn refused(request: &Request<()>) -> Response<Full<Bytes>> {
    let error = ApiError::new(ErrorCode::InvalidApiKey).with_refusal(Refusal::Revoked);
    respond(error, request.extensions())
}

fn misconfigured(request: &Request<()>) -> Response<Full<Bytes>> {
    respond(ApiError::misconfigured("mount AuthLayer"), request.extensions())
}

#[test]
fn a_request_leaves_one_line_with_its_key_id() {
    let lines = logged("info", "/a/b?api_key=x", accepted);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let handler = &lines[0];
    assert!(handler.contains("in the handler"), "{handler}");
    let caller = [
        "key_id=\"key_test_util\"",
        "account=\"acct_1\"",
        "mode=\"live\"",
        "on_behalf_of=\"acct_bakery\"",
    ];
    for field in ["request{", "method=\"GET\""].into_iter().chain(caller) {
        assert_eq!(handler.matches(field).count(), 1, "{field}: {handler}");
    }
    let line = &lines[1];
    for field in [
        " INFO keygate::request: request finished",
        "method=\"GET\"",
        "path=\"/a/b\"",
        "status=200",
        "request_id=\"req_",
        "outcome=\"ok\"",
    ]
    .into_iter()
    .chain(caller)
    {
        assert!(line.contains(field), "{field}: {line}");
        assert_eq!(line.matches(field).count(), 1);
    }
    assert!(!line.contains("refusal"), "{line}");
}

#[test]
fn a_refusal_leaves_one_line_with_its_precise_reason() {
    let lines = logged("info", "/", refused);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for field in
        ["status=401", "outcome=\"refused\"", "code=\"invalid_api_key\"", "refusal=\"revoked\""]
    {
        assert!(lines[0].contains(field), "{field}: {}", lines[0]);
    }
    assert!(!lines[0].contains("key_id"), "{}", lines[0]);
}

#[test]
fn what_is_missing_is_said_to_the_operator() {
    let lines = logged("info", "/", misconfigured);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("ERROR") && lines[0].contains("mount AuthLayer"), "{}", lines[0]);
    assert!(lines[1].contains("refusal=\"misconfigured\""), "{}", lines[1]);
}

#[test]
fn a_panic_and_a_text_kept_back_are_logged_under_the_requests_id() {
    let panicking: fn(&Request<()>) -> Response<Full<Bytes>> = |_| panic!("what the handler says");
    let failing: fn(&Request<()>) -> Response<Full<Bytes>> = |_| {
        let mut response = Response::new(Full::from(format!("no table; {KEY}")));
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert("content-type", plain);
        response
    };
    for (answer, said) in [(panicking, "panicked"), (failing, "text=\"no table; [redacted]\"")] {
        let lines = logged("info", "/", answer);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        for part in ["ERROR", "request_id=\"req_", said] {
            assert!(lines[0].contains(part), "{part}: {}", lines[0]);
        }
        assert!(lines[1].contains("status=500"), "{}", lines[1]);
        let all = lines.join("");
        assert!(!all.contains(KEY) && !all.contains("the handler says"), "{all}");
    }
}

#[test]
fn s1_no_line_at_any_level_holds_a_key() {
    let uri = format!("/links/{KEY}/x?api_key={KEY}");
    for answer in [accepted, refused, misconfigured] {
        let lines = logged("trace", &uri, answer).join("\n");
        assert!(lines.contains("path=\"/links/[redacted]/x\""), "{lines}");
        assert!(!lines.contains(&KEY[8..]), "{lines}");
    }
}

#[test]
fn s1_a_key_in_the_place_of_the_method_is_not_logged_and_a_long_one_is_cut() {
    for answer in [accepted, refused, misconfigured] {
        let lines = logged_of("trace", KEY, "/", answer).join("\n");
        assert!(lines.contains("method=\"[redacted]\""), "{lines}");
        assert!(!lines.contains(&KEY[8..]), "{lines}");
    }
    let line = logged_of("info", &"M-".repeat(30_000), "/", refused).join("");
    assert!((1_000..2_000).contains(&line.len()), "{} bytes", line.len());
}

#[test]
fn a_level_above_info_silences_the_lines() {
    assert_eq!(logged("error", "/", accepted), Vec::<String>::new());
}

#[test]
fn nothing_is_noted_outside_a_request() {
    telemetry::record_principal(&principal("acct_1", Mode::Live, []));
    let lines = logged("info", "/", |_| Response::new(Full::default()));
    assert!(!lines.join("").contains("key_id"), "{lines:#?}");
}

#[test]
fn every_end_of_a_request_has_its_word() {
    let cases: [(Handler, &str); 5] = [
        (|_| Response::new(Full::default()), "ok"),
        (refused, "refused"),
        (
            |request| respond(ApiError::new(ErrorCode::NotFound), request.extensions()),
            "client_error",
        ),
        (|request| respond(Refusal::LookupFailed.into(), request.extensions()), "failed"),
        (|_| panic!("in the handler"), "failed"),
    ];
    for (answer, word) in cases {
        let lines = logged("info", "/", answer);
        let line = lines.last().unwrap();
        assert!(line.contains(&format!("outcome=\"{word}\"")), "{word}: {line}");
    }
}

#[test]
fn a_refusal_has_its_reason_at_debug_where_there_is_no_envelope() {
    let lines = captured::lines("keygate=debug", || {
        drop(refused(&Request::new(())));
        drop(respond::<Full<Bytes>>(ApiError::new(ErrorCode::NotFound), &http::Extensions::new()));
    });
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("DEBUG") && lines[0].contains("refusal=\"revoked\""), "{lines:#?}");
}
