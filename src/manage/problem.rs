use axum::response::Response;
use http::header::ACCEPT;
use http::request::Parts;

use crate::ApiError;
use crate::envelope::{AsIs, RequestId};
use crate::error::{Envelope as _, Portion, ProblemDetails, RequestContext, write};

/// In which form errors are wanted: the service's own, or the one that the page can read whatever
/// the service's is.
#[derive(Debug)]
pub(super) enum Wanted {
    /// The `EnvelopeLayer` outside writes it.
    Envelope,
    /// Problem details of RFC 9457, with this request's id.
    Problem(Option<RequestId>),
}

impl Wanted {
    /// What the request's head asks for: problem details if it names them, in whatever order.
    pub(super) fn by(request: &Parts) -> Self {
        let accepted = request.headers.get_all(ACCEPT).iter();
        let mut ranges =
            accepted.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        let essence = |range: &str| range.split(';').next().unwrap_or_default().trim().to_owned();
        if ranges.any(|range| essence(range).eq_ignore_ascii_case("application/problem+json")) {
            Self::Problem(request.extensions.get().cloned())
        } else {
            Self::Envelope
        }
    }

    /// Writes the error in a response, if there is one and it is wanted otherwise than it is.
    pub(super) fn write(&self, response: Response) -> Response {
        let Self::Problem(id) = self else { return response };
        let Some(error) = response.extensions().get::<ApiError>().cloned() else { return response };
        let context = RequestContext::new(id.as_ref().map(RequestId::as_str));
        let rendered = ProblemDetails::new().render(&error, &context);
        let (mut parts, _) = response.into_parts();
        parts.extensions.insert(AsIs);
        write(parts, error, rendered, Portion::All)
    }
}
