use tokio::time::Instant;

use super::throwaway::PATIENCE;

/// The answer to a client that comes again when it is told to, as one is by 503: on a busy machine
/// a look-up may be too late for its caller.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> reqwest::Response {
    let began = Instant::now();
    loop {
        let answer = request.try_clone().unwrap().send().await.unwrap();
        if answer.status() != 503 {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{:?}", answer.text().await);
    }
}
