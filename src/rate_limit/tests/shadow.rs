//! Limits that are tried out first, and the hook.

use parking_lot::Mutex;

use super::*;
use crate::Refusal;
use crate::decision::{Decision, Verdict};

/// What was decided, why, and by which limit.
type Heard = (Verdict, Option<&'static str>, Option<String>);

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Heard>>>);

impl Notes {
    fn taking(&self) -> impl Fn(&Decision<'_>) + Send + Sync + 'static {
        let notes = self.clone();
        move |decision| {
            let refusal = decision.refusal.map(Refusal::as_str);
            let limit = decision.limit.map(str::to_owned);
            notes.0.lock().push((decision.verdict, refusal, limit));
        }
    }

    fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.0.lock())
    }
}

fn over(verdict: Verdict, limit: &str) -> Heard {
    (verdict, Some("rate_limited"), Some(limit.to_owned()))
}

const ALLOWED: Heard = (Verdict::Allowed, None, None);

#[tokio::test]
async fn a_limit_in_shadow_mode_refuses_nobody_and_is_in_no_header() {
    let (notes, clock) = (Notes::default(), ManualClock::new());
    let stricter = Limit::per_account(Quota::per_hour(1)).named("stricter").shadow();
    let layer = RateLimitLayer::per_key(Quota::per_hour(3)).and(stricter).with_clock(clock);
    let layer = layer.on_decision(notes.taking());
    let would = || over(Verdict::WouldRefuse, "stricter");
    for (left, told) in [
        (Some(2), vec![ALLOWED]),
        (Some(1), vec![would(), ALLOWED]),
        (Some(0), vec![would(), ALLOWED]),
        // It counts what the other one refuses, too.
        (None, vec![would(), over(Verdict::Refused, "default")]),
    ] {
        let response = send(&layer, by_key("a")).await;
        assert_eq!(response.status(), if left.is_some() { 200 } else { 429 });
        assert_eq!(number(&response, "x-ratelimit-limit"), 3);
        assert_eq!(number(&response, "x-ratelimit-remaining"), left.unwrap_or(0));
        assert_eq!(notes.take(), told);
    }
}

#[tokio::test]
async fn a_whole_layer_in_shadow_mode_leaves_no_trace_in_the_response() {
    let notes = Notes::default();
    let layer = RateLimitLayer::per_key(Quota::per_hour(1)).named("tried").shadow();
    let layer = layer.ietf_headers().on_decision(notes.taking());
    for told in [vec![ALLOWED], vec![over(Verdict::WouldRefuse, "tried"), ALLOWED]] {
        let response = send(&layer, by_key("a")).await;
        assert_eq!((response.status().as_u16(), response.headers().len()), (200, 0));
        assert_eq!(notes.take(), told);
    }
    // Mounted twice it counts once.
    let twice = layer.layer(layer.layer(Strict::default()));
    twice.oneshot(by_key("b")).await.unwrap();
    assert_eq!(notes.take(), [ALLOWED]);
    // Nobody says who calls: that is logged, and refused once the limit is in force.
    assert_eq!(status(&layer, Request::new(())).await, 200);
    assert_eq!(status(&RateLimitLayer::per_key(Quota::per_hour(1)), Request::new(())).await, 500);
}

#[tokio::test]
async fn the_hook_hears_of_what_no_limit_decides() {
    let notes = Notes::default();
    let layer = RateLimitLayer::per_key(Quota::per_hour(1)).on_decision(notes.taking());
    assert_eq!(status(&layer, Request::new(())).await, 500);
    assert_eq!(notes.take(), [(Verdict::Refused, Some("misconfigured"), None)]);
    let layer = RateLimitLayer::per_key(Quota::per_hour(1)).on_decision(|_| panic!("in the hook"));
    let statuses = [status(&layer, by_key("a")).await, status(&layer, by_key("a")).await];
    assert_eq!(statuses, [200, 429], "a panic changes no decision");
}

/// Answers for each limit when it is told to.
#[derive(Debug)]
struct Slow(tokio::sync::watch::Receiver<bool>);

impl limiter::Limiter for Slow {
    fn charge(&self, charges: &[limiter::Charge<'_>], _: limiter::Asked<'_>) -> limiter::Answer {
        let mut open = self.0.clone();
        let shadow = charges.iter().any(|charge| &*charge.label.name == "shadow");
        let standing = bucket::Standing { limit: 5, remaining: 4, ..Default::default() };
        let verdict =
            limiter::Verdict::Counted(limiter::Counted { admitted: !shadow, standing, of: 0 });
        limiter::Answer::Later(Box::pin(async move {
            open.wait_for(|open| *open).await.unwrap();
            verdict
        }))
    }
}

#[tokio::test]
async fn verdicts_of_another_machine_are_waited_for_together() {
    let notes = Notes::default();
    let (opening, open) = tokio::sync::watch::channel(false);
    let shadow = |name: &str| Limit::per_account(Quota::per_hour(1)).named(name).shadow();
    let layer = RateLimitLayer::per_key(Quota::per_hour(1)).and(shadow("shadow"));
    let layer = layer.and(shadow("other")).with_limiter(Slow(open)).on_decision(notes.taking());
    let sent = tokio::spawn({
        let service = layer.layer(Strict::default());
        async move { service.oneshot(by_key("a")).await.unwrap() }
    });
    tokio::task::yield_now().await;
    assert_eq!(notes.take(), []);
    opening.send(true).unwrap();
    let response = sent.await.unwrap();
    assert_eq!((response.status().as_u16(), number(&response, "x-ratelimit-remaining")), (200, 4));
    assert_eq!(notes.take(), [over(Verdict::WouldRefuse, "shadow"), ALLOWED]);
}
