//! A key's text must be found nowhere but with its holder: no log, error, panic or answer.

use std::fmt::{Debug, Write as _};

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use http::Request;
use http_body_util::BodyExt as _;
use keygate::test_util::Fault;
use keygate::{ApiError, EnvelopeLayer, KeyUpdate, Keyring, NewKey};
use tower::ServiceExt as _;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::format::FmtSpan;

use super::{builder, issued, store, unknown};
use crate::support::Lines;

/// Everything that is logged on this thread, at every level, spans with their fields too.
fn everything(log: &Lines) -> DefaultGuard {
    let log = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || log.clone())
        .finish();
    tracing::subscriber::set_default(subscriber)
}

/// Asserts that a text does not hold the secret part of a key, raw or encoded.
#[track_caller]
fn assert_clean(place: &str, text: &str, key: &str) {
    // What follows the hint; base64 depends on where a text begins.
    let secret = &key["ck_test_abc123".len()..];
    let hex = key.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let encoded = [BASE64_STANDARD.encode(key), BASE64_STANDARD_NO_PAD.encode(format!("{key}:"))];
    for form in [secret, &hex, &encoded[0], &encoded[1]] {
        assert!(!text.contains(form), "{place} shows the key as {form}: {text}");
    }
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

#[tokio::test(start_paused = true)]
async fn s1_v10_no_log_error_or_debug_of_a_keyring_shows_a_key() {
    let log = Lines::default();
    let guard = everything(&log);
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    let text = key.key().expose().to_owned();
    let mut seen = shown(&key) + &shown(key.record()) + &shown(&keys) + &shown(key.key());
    seen += &shown(&keys.verify(&text).await.unwrap());
    seen += &shown(&keys.verify(&format!("{text}x")).await.unwrap_err());
    let new = || NewKey::named("canary");
    let whole = keys.import(new(), key.key().hash(), &text).await.unwrap_err();
    seen += &(shown(&whole) + &whole.to_string());
    for fault in [Fault::Fail, Fault::Panic, Fault::Hang] {
        store.set(fault);
        let cold = unknown();
        let refused = keys.verify(&cold).await.unwrap_err();
        assert_clean("a refusal", &shown(&refused), &cold);
        assert_clean("the log", &log.text(), &cold);
        // And with a key that is in the store: its look-up starts, as the entry is forgotten.
        seen += &shown(&keys.update(key.id(), KeyUpdate::default()).await.map(drop));
        seen += &shown(&keys.verify(&text).await.map(drop));
    }
    store.set(Fault::None);
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    seen += &shown(&keys.revoke(key.id()).await.unwrap());
    seen += &shown(&keys.verify(&text).await.unwrap_err());
    keys.shutdown().await;
    drop(guard);
    assert!(log.text().contains("a key look-up failed"), "nothing was captured");
    assert_clean("a value", &seen, &text);
    assert_clean("the log", &log.text(), &text);
}

fn managed(keys: &Keyring) -> Router {
    let gate = |_: &http::request::Parts| Ok::<(), ApiError>(());
    Router::new()
        .nest("/dashboard", keygate::manage::router(keys.clone(), gate))
        .layer(EnvelopeLayer::standard())
}

async fn answer(app: &Router, request: Request<Body>) -> String {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    format!("{parts:?} {}", String::from_utf8_lossy(&body))
}

#[tokio::test]
async fn s1_a_key_sent_where_it_does_not_belong_comes_back_from_the_management_api_nowhere() {
    let log = Lines::default();
    let guard = everything(&log);
    let keys = builder(&store()).build().unwrap();
    let key = issued(&keys).await;
    let text = key.key().expose();
    let app = managed(&keys);
    let mut requests = Vec::new();
    for path in [
        format!("/dashboard/keys/{text}"),
        format!("/dashboard/keys/{text}/revoke"),
        format!("/dashboard/{text}"),
        format!("/dashboard/keys?cursor={text}"),
        format!("/dashboard/keys?{text}=1"),
        format!("/dashboard/keys?status={text}"),
        format!("/dashboard/keys?api_key={text}"),
        format!("/dashboard/keys?mode={text}&account={text}"),
    ] {
        requests.push(Request::get(path).body(Body::empty()).unwrap());
    }
    for body in [
        format!(r#"{{"{text}":1}}"#),
        format!(r#"{{"name":"a","mode":"{text}","scopes":[]}}"#),
        format!(r#"{{"name":"a","mode":"test","scopes":["{text}"]}}"#),
        format!(r#"{{"name":"a","mode":"test","scopes":[],"plan":"{text}"}}"#),
        format!(r#"{{"name":"a","mode":"test","scopes":[],"kind":"{text}"}}"#),
        format!(r#"{{"name":"a","mode":"test","scopes":[],"expires_at":"{text}"}}"#),
        format!(r#"{{"name":"a","mode":"test","scopes":"{text}"}}"#),
        text.to_owned(),
    ] {
        let request = Request::post("/dashboard/keys").header("content-type", "application/json");
        requests.push(request.body(Body::from(body)).unwrap());
    }
    for name in ["x-request-id", "x-on-behalf-of", "idempotency-key", "x-api-key", "referer"] {
        let request = Request::get("/dashboard/keys").header(name, text);
        requests.push(request.body(Body::empty()).unwrap());
    }
    for request in requests {
        let place = format!("{} {}", request.method(), request.uri().path().len());
        let answered = answer(&app, request).await;
        assert_clean(&place, &answered, text);
    }
    drop(guard);
    assert!(log.text().contains("request finished"), "nothing was captured");
    assert_clean("the log", &log.text(), text);
}
