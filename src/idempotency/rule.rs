//! Which answers are kept: the pure function that decides.

use http::{Method, StatusCode, response};
use http_body::SizeHint;

use crate::envelope::rule::{self, Rewrite};
use crate::{ApiError, ErrorType};

/// What becomes of answers that say that the service has failed; see
/// [`IdempotencyLayer::server_errors`](super::IdempotencyLayer::server_errors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ServerErrors {
    /// They are kept: who sends the request again gets the same error.
    #[default]
    Kept,
    /// They are not kept: who sends the request again has it carried out again.
    Released,
}

/// What a layer was told about answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    pub(super) server_errors: ServerErrors,
    /// The largest body that is kept, in bytes.
    pub(super) max_response: u64,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is kept whole.
    Keep,
    /// It is kept as the error that it is.
    KeepError,
    /// Only that it was given is kept: it is too large, or it streams.
    Note,
    /// The key is freed: a further request is carried out.
    Free,
}

/// Decides by the parts of an answer and the size of its body.
pub(super) fn decide(parts: &response::Parts, size: &SizeHint, keeping: Keeping) -> Verdict {
    let refused = matches!(
        parts.status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    );
    // The handler was cut short, by a layer inside: nobody knows how far it came.
    let failed = parts.status.is_server_error() || parts.status == StatusCode::REQUEST_TIMEOUT;
    let released = failed && keeping.server_errors == ServerErrors::Released;
    if refused || released || is_invalid_request(parts, size) {
        return Verdict::Free;
    }
    if is_error(parts.status) && parts.extensions.get::<ApiError>().is_some() {
        return Verdict::KeepError;
    }
    // What follows a 101 is no body.
    let fits = size.exact().is_some_and(|length| length <= keeping.max_response);
    if fits && !parts.status.is_informational() { Verdict::Keep } else { Verdict::Note }
}

/// Whether the request itself was wrong, as far as the answer tells.
fn is_invalid_request(parts: &response::Parts, size: &SizeHint) -> bool {
    if is_error(parts.status)
        && let Some(error) = parts.extensions.get::<ApiError>()
    {
        return error.error_type() == ErrorType::InvalidRequest;
    }
    if !parts.status.is_client_error() || parts.status == StatusCode::REQUEST_TIMEOUT {
        return false;
    }
    match rule::decide(parts, size, &Method::POST) {
        // A framework's rejection: the type that an envelope gives it.
        Rewrite::FromError | Rewrite::FromStatus | Rewrite::FromText => {
            rule::by_status(parts.status).error_type() == ErrorType::InvalidRequest
        }
        // In the application's own words, which nobody else reads: by what the status means.
        Rewrite::Keep => matches!(
            parts.status,
            StatusCode::BAD_REQUEST
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::LENGTH_REQUIRED
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNSUPPORTED_MEDIA_TYPE
                | StatusCode::UNPROCESSABLE_ENTITY
        ),
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Response;
    use http::header::CONTENT_TYPE;

    use super::*;
    use crate::ErrorCode;
    use Verdict::{Free, Keep, KeepError, Note};

    const KEEPING: Keeping = Keeping { server_errors: ServerErrors::Kept, max_response: 100 };
    const RELEASING: Keeping = Keeping { server_errors: ServerErrors::Released, ..KEEPING };

    fn parts(status: u16, content_type: Option<&'static str>) -> response::Parts {
        let mut response = Response::builder().status(status);
        if let Some(content_type) = content_type {
            response = response.header(CONTENT_TYPE, content_type);
        }
        response.body(()).unwrap().into_parts().0
    }

    fn verdict(error: ApiError, keeping: Keeping) -> Verdict {
        let mut parts = parts(error.status().as_u16(), Some("application/json"));
        parts.extensions.insert(error);
        decide(&parts, &SizeHint::with_exact(100), keeping)
    }

    #[test]
    fn i5_answers_without_an_error_of_ours_are_judged_by_their_status() {
        let (json, text) = (Some("application/json"), Some("text/plain; charset=utf-8"));
        for (status, content_type, expected) in [
            (200, json, Keep),
            (201, None, Keep),
            (204, None, Keep),
            (303, None, Keep),
            (101, None, Note),
            (400, json, Free),
            (400, text, Free),
            (401, json, Free),
            (402, json, Keep),
            (403, json, Free),
            (404, json, Keep),
            (404, text, Keep),
            (405, None, Free),
            (408, None, Keep),
            (409, json, Keep),
            // What an envelope makes of a bare one is `invalid_request`/`conflict`.
            (409, text, Free),
            (410, json, Keep),
            (413, text, Free),
            (415, json, Free),
            (418, text, Free),
            (422, json, Free),
            (422, text, Free),
            (429, json, Free),
            (500, json, Keep),
            (502, text, Keep),
            (503, None, Keep),
        ] {
            let parts = parts(status, content_type);
            let length = if content_type.is_some() { 20 } else { 0 };
            let size = SizeHint::with_exact(length);
            assert_eq!(decide(&parts, &size, KEEPING), expected, "{status} {content_type:?}");
            let expected = if status >= 500 || status == 408 { Free } else { expected };
            assert_eq!(decide(&parts, &size, RELEASING), expected, "{status} {content_type:?}");
        }
    }

    #[test]
    fn i5_errors_of_ours_are_judged_by_their_type() {
        for code in ErrorCode::ALL {
            let expected = match code.error_type() {
                ErrorType::InvalidRequest
                | ErrorType::Authentication
                | ErrorType::Permission
                | ErrorType::RateLimited => (Free, Free),
                ErrorType::NotFound | ErrorType::Idempotency => (KeepError, KeepError),
                ErrorType::Internal | ErrorType::Unavailable => (KeepError, Free),
            };
            let found =
                (verdict(ApiError::new(*code), KEEPING), verdict(ApiError::new(*code), RELEASING));
            assert_eq!(found, expected, "{code:?}");
        }
        let declined = |kind| {
            ApiError::custom(
                StatusCode::PAYMENT_REQUIRED,
                kind,
                "card_declined",
                "It was declined.",
            )
        };
        assert_eq!(verdict(declined(ErrorType::Permission), KEEPING), KeepError);
        assert_eq!(verdict(declined(ErrorType::InvalidRequest), KEEPING), Free);
        let later = ApiError::unavailable(Duration::from_secs(1));
        assert_eq!(verdict(later, KEEPING), KeepError);
    }

    #[test]
    fn large_and_streaming_bodies_are_only_noted() {
        let streaming = SizeHint::new();
        let mut at_least = SizeHint::new();
        at_least.set_lower(1);
        for (size, expected) in [
            (SizeHint::with_exact(0), Keep),
            (SizeHint::with_exact(100), Keep),
            (SizeHint::with_exact(101), Note),
            (streaming, Note),
            (at_least, Note),
        ] {
            assert_eq!(decide(&parts(200, None), &size, KEEPING), expected, "{size:?}");
        }
    }

    #[test]
    fn a_good_answer_that_carries_an_error_is_the_good_answer() {
        let mut parts = parts(200, None);
        parts.extensions.insert(ApiError::not_found());
        assert_eq!(decide(&parts, &SizeHint::with_exact(3), KEEPING), Keep);
    }
}
