//! More than one limit on a request, and limits of more or less than everyone.

use super::*;

#[tokio::test]
async fn several_limits_are_charged_together_and_the_tightest_is_shown() {
    let layer = RateLimitLayer::per_key(Quota::per_hour(2))
        .and(Limit::per_account(Quota::per_hour(3)).named("whole account"))
        .ietf_headers();
    let mut seen = Vec::new();
    for key in ["a", "a", "a", "b", "b"] {
        let response = send(&layer, by_key(key)).await;
        let shown = response.headers()["ratelimit"].to_str().unwrap().to_owned();
        seen.push((response.status().as_u16(), shown));
    }
    assert_eq!(
        seen,
        [
            (200, "\"default\";r=1;t=1".to_owned()),
            (200, "\"default\";r=0;t=1800".to_owned()),
            (429, "\"default\";r=0;t=1800".to_owned()),
            // The refusal above was charged to neither.
            (200, "\"whole_account\";r=0;t=1200".to_owned()),
            (429, "\"whole_account\";r=0;t=1200".to_owned()),
        ]
    );
}

#[tokio::test]
async fn all_callers_share_a_global_limit() {
    let layer = RateLimitLayer::global(Quota::per_hour(2));
    assert_eq!(status(&layer, by_key("a")).await, 200);
    assert_eq!(status(&layer, from("192.0.2.1")).await, 200, "nobody need be known");
    assert_eq!(status(&layer, by(claims("b", "other"))).await, 429);

    let layer = RateLimitLayer::per_key(Quota::per_hour(9)).and(Limit::global(Quota::per_hour(2)));
    let own = Claims { quota: Some(Quota::per_hour(5).into()), ..claims("a", "acme") };
    assert_eq!(number(&send(&layer, by(own)).await, "x-ratelimit-limit"), 2, "not negotiable");
}

#[tokio::test]
async fn a_limit_of_one_route_counts_only_that_route() {
    let exports = Limit::per_key(Quota::per_hour(1)).named("exports");
    let exports = exports.on(|request| request.uri.path() == "/exports");
    let layer = RateLimitLayer::per_key(Quota::per_hour(5)).named("api").and(exports);
    let layer = layer.ietf_headers().with_clock(ManualClock::new());
    let mut seen = Vec::new();
    for path in ["/", "/exports", "/exports", "/"] {
        let mut request = by_key("a");
        *request.uri_mut() = path.parse().unwrap();
        let response = send(&layer, request).await;
        let shown = response.headers()["ratelimit"].to_str().unwrap().to_owned();
        seen.push((response.status().as_u16(), shown));
    }
    let seen: Vec<_> = seen.iter().map(|(status, shown)| (*status, shown.as_str())).collect();
    assert_eq!(
        seen,
        [
            (200, "\"api\";r=4;t=1"),
            (200, "\"exports\";r=0;t=3600"),
            (429, "\"exports\";r=0;t=3600"),
            // The refusal above was charged to neither.
            (200, "\"api\";r=2;t=1"),
        ]
    );
    // A layer inside whose only limit of its own counts nothing here lets the request pass.
    let inner = layer.clone().and(Limit::global(Quota::per_hour(1)).on(|_| false));
    let both = ServiceBuilder::new().layer(layer).layer(inner).service(Strict::default());
    assert_eq!(both.oneshot(by_key("a")).await.unwrap().status(), 200);
}
