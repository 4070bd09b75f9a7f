//! A limiter on another machine, as the layer sees it.

use super::*;

/// Answers when it is told to.
#[derive(Debug)]
struct Remote(tokio::sync::watch::Receiver<Option<limiter::Verdict>>);

impl limiter::Limiter for Remote {
    fn charge(&self, _: &[limiter::Charge<'_>], _: limiter::Asked<'_>) -> limiter::Answer {
        let mut verdict = self.0.clone();
        limiter::Answer::Later(Box::pin(async move {
            verdict.wait_for(Option::is_some).await.unwrap().unwrap()
        }))
    }
}

#[tokio::test]
async fn a_limiter_on_another_machine_is_waited_for_by_the_service_that_is_ready() {
    let standing = bucket::Standing { limit: 5, remaining: 4, ..Default::default() };
    let counted =
        |admitted| limiter::Verdict::Counted(limiter::Counted { admitted, standing, of: 0 });
    for (verdict, status, headers) in [
        (counted(true), 200, true),
        (counted(false), 429, true),
        (limiter::Verdict::Uncounted, 200, false),
        (limiter::Verdict::Unavailable, 503, false),
        (limiter::Verdict::Misconfigured("nothing"), 500, false),
    ] {
        let (answer, heard) = tokio::sync::watch::channel(None);
        let layer = RateLimitLayer::per_key(Quota::per_hour(1)).with_limiter(Remote(heard));
        let mut service = layer.layer(Strict::default());
        let mut response = std::pin::pin!(service.ready().await.unwrap().call(by_key("a")));
        assert!(futures_poll(response.as_mut()).await.is_none());
        answer.send(Some(verdict)).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("x-ratelimit-remaining"), headers);
        if headers {
            assert_eq!(number(&response, "x-ratelimit-remaining"), 4);
        }
    }
}

/// Polls once.
async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Finds something wrong with every layer.
#[derive(Debug)]
struct Picky;

impl limiter::Limiter for Picky {
    fn charge(&self, _: &[limiter::Charge<'_>], _: limiter::Asked<'_>) -> limiter::Answer {
        panic!("asked although it said no");
    }

    fn adopt(&self, limits: &mut limiter::Adopted<'_>) -> Result<(), &'static str> {
        let names: Vec<_> = limits.map(|(label, _)| label.name.to_string()).collect();
        assert_eq!(names, ["default", "account"]);
        Err("not these")
    }
}

#[tokio::test]
async fn a_layer_whose_limits_cannot_be_counted_answers_500() {
    let layer = RateLimitLayer::per_key(Quota::per_hour(1)).with_limiter(Picky);
    let response = send(&layer.and(Limit::per_account(Quota::per_hour(1))), by_key("a")).await;
    let error = response.extensions().get::<ApiError>().unwrap();
    assert_eq!(error.code(), ErrorCode::Misconfigured.as_str());
}
