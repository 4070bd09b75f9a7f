//! Snapshots: every error code in every envelope, the headers of a 429, the management JSON.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use keygate::error::{Envelope, RequestContext, StandardEnvelope};
use keygate::{ApiError, ErrorCode, Mode, NewKey, Quota, Refusal, ScopeName};
use serde_json::{Value, json};

use crate::support::{Answer, get};
use crate::{apps, crypto_checkout, paykore, pik};

/// Every code, then the errors that say more than their code.
fn errors() -> Vec<ApiError> {
    let at = UNIX_EPOCH + Duration::from_secs(1_735_689_600);
    let invalid = || ApiError::new(ErrorCode::InvalidApiKey);
    let forbidden = || ApiError::new(ErrorCode::Forbidden);
    let missing = ["wallet:read", "links:write"].map(ScopeName::from_static);
    let mut errors: Vec<_> = ErrorCode::ALL.iter().map(|code| ApiError::new(*code)).collect();
    errors.extend([
        invalid().with_refusal(Refusal::MissingCredential),
        invalid().with_refusal(Refusal::MalformedCredential),
        invalid().with_refusal(Refusal::UnknownKey),
        invalid().with_refusal(Refusal::Expired { at }),
        ApiError::insufficient_scope(missing[..1].to_vec()),
        ApiError::insufficient_scope(missing),
        forbidden().with_refusal(Refusal::UnconnectedAccount),
        forbidden().with_refusal(Refusal::UnverifiedAccount),
        ApiError::from(Refusal::MalformedIdempotencyKey),
        ApiError::invalid_field("quota.per_minute", "must be at least 1"),
        ApiError::rate_limited(Duration::from_millis(11_001)),
        ApiError::unavailable(Duration::from_secs(1)),
        Refusal::TooManyFailures { wait: Duration::from_millis(1_500) }.into(),
    ]);
    errors
}

fn written(envelope: &impl Envelope) -> String {
    let mut page = String::new();
    for error in errors() {
        let rendered = envelope.render(&error, &RequestContext::new(Some("req_fixed")));
        let body = String::from_utf8_lossy(&rendered.body).into_owned();
        writeln!(page, "{} {body}", rendered.status.as_u16()).unwrap();
    }
    page
}

/// Status, headers in order, body; what differs from run to run is replaced.
fn picture(answer: &Answer) -> String {
    let mut lines: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| match name.as_str() {
            "x-request-id" => format!("{name}: [id]"),
            _ => format!("{name}: {}", value.to_str().unwrap()),
        })
        .collect();
    lines.sort();
    let id = answer.header("x-request-id");
    let body = String::from_utf8_lossy(&answer.body).replace(id, "[id]");
    format!("{}\n{}\n\n{body}", answer.status, lines.join("\n"))
}

#[test]
fn c9_every_error_of_crypto_checkout() {
    insta::assert_snapshot!(written(&StandardEnvelope));
}

#[test]
fn p3_every_error_of_pik() {
    insta::assert_snapshot!(written(&apps::pik_envelope()));
}

#[test]
fn k5_every_error_of_paykore() {
    insta::assert_snapshot!(written(&apps::paykore_envelope()));
}

#[tokio::test]
async fn c10_a_429_of_crypto_checkout() {
    let server = crypto_checkout::server();
    let new = NewKey::named("n").scopes(crypto_checkout::all_scopes()).quota(Quota::per_minute(1));
    let key = server.issue(new).await;
    let call = || get("/api/v1/events").bearer(key.key().expose());
    server.send(call()).await.expect(200);
    insta::assert_snapshot!(picture(&server.send(call()).await.expect(429)));
}

#[tokio::test]
async fn p3_a_429_of_pik() {
    let server = pik::server();
    let new = NewKey::named("n").scopes(pik::all_scopes()).quota(Quota::per_minute(1));
    let key = server.issue(new).await;
    let call = || pik::wallet(key.key().expose());
    server.send(call()).await.expect(200);
    insta::assert_snapshot!(picture(&server.send(call()).await.expect(429)));
}

#[tokio::test]
async fn k9_a_429_of_paykore() {
    let server = paykore::server();
    let key = server.issue(NewKey::named("n").quota(Quota::per_minute(5))).await;
    for _ in 0..5 {
        server.send(paykore::wallets(key.key().expose())).await.expect(200);
    }
    insta::assert_snapshot!(picture(&server.send(paykore::wallets(key.key().expose())).await));
}

#[tokio::test]
async fn refusals_of_the_three_with_all_their_headers() {
    let (checkout, pik, paykore) = (crypto_checkout::server(), pik::server(), paykore::server());
    let bare = checkout.issue(NewKey::named("bare")).await;
    let links = || get("/api/v1/payment_links");
    let shut_out = || links().bearer("x").peer("203.0.113.9", false);
    while checkout.send(shut_out()).await.status != 429 {}
    let mut page = String::new();
    for (what, answer) in [
        ("nothing", checkout.send(links()).await),
        ("an invalid key", checkout.send(links().bearer("x")).await),
        ("two keys", checkout.send(links().bearer("x").bearer("x")).await),
        ("a missing scope", checkout.send(links().bearer(bare.key().expose())).await),
        ("too many failures", checkout.send(shut_out()).await),
        ("no operator", checkout.send(get("/dashboard/api/keys")).await),
        ("no HTTPS", pik.send(get("/v1/wallet")).await),
        ("nothing", pik.send(pik::secure(get("/v1/wallet"))).await),
        ("nothing", paykore.send(get("/v1/wallets")).await),
        ("two keys", paykore.send(paykore::wallets("x").bearer("x")).await),
        ("no path", paykore.send(get("/")).await),
    ] {
        writeln!(page, "== {what}\n{}\n", picture(&answer)).unwrap();
    }
    insta::assert_snapshot!(page);
}

/// Ids, hints and texts are random.
fn redacted(mut key: Value) -> Value {
    for field in ["id", "hint", "key", "replaces", "replaced_by"] {
        if let Some(value) = key.get_mut(field).filter(|value| value.is_string()) {
            *value = json!(format!("[{field}]"));
        }
    }
    key
}

#[tokio::test]
async fn c6_the_management_json() {
    let server = crypto_checkout::server();
    let body = json!({
        "name": "WooCommerce plugin", "mode": "live", "scopes": ["links:write", "links:read"],
        "account": "shop_7", "quota": { "per_minute": 60, "burst": 10 },
        "expires_at": "2030-01-01T00:00:00Z",
    });
    let issued = server.manage("keys", body).await.expect(201).json();
    let call = get("/api/v1/payment_links").bearer(issued["key"].as_str().unwrap());
    server.clock.advance(Duration::from_millis(1_500));
    server.send(call).await.expect(200);
    let path = format!("keys/{}", issued["id"].as_str().unwrap());
    let rotate = json!({ "overlap_seconds": 3_600 });
    let successor = server.manage(&format!("{path}/rotate"), rotate).await.expect(201).json();
    let rotated = server.look(&path).await.expect(200).json();
    let reason = json!({ "reason": "leaked" });
    let revoked = server.manage(&format!("{path}/revoke"), reason).await.expect(200).json();
    let page = json!({
        "issued": redacted(issued),
        "rotated": redacted(rotated),
        "successor": redacted(successor),
        "revoked": redacted(revoked),
        "scopes": server.look("scopes").await.expect(200).json(),
    });
    insta::assert_json_snapshot!(page);
}

#[tokio::test]
async fn c6_a_page_of_keys() {
    let server = crypto_checkout::server();
    for mode in [Mode::Test, Mode::Live] {
        let _ = server.issue(NewKey::named("n").mode(mode)).await;
        server.clock.advance(Duration::from_secs(1));
    }
    let mut page = server.look("keys?limit=1").await.expect(200).json();
    assert!(page["next_cursor"].is_string());
    page["next_cursor"] = json!("[cursor]");
    page["data"][0] = redacted(page["data"][0].take());
    insta::assert_json_snapshot!(page);
}
