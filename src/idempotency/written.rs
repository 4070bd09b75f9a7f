//! Answers on their way to the client, written down for others.

use bytes::Bytes;
use http::{Response, response};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::answer::{Answer, Content, Headers};
use super::layer::Config;
use super::rule::{self, Verdict};
use crate::error::respond_alone;
use crate::{ApiError, ErrorBody, ErrorCode, ScopeName, telemetry};

impl Config {
    /// The answer as it is kept, `None` if it is not, and the response as it is sent.
    pub(super) async fn written<R>(
        &self,
        response: Response<R>,
        scopes: Vec<ScopeName>,
    ) -> (Option<Bytes>, Response<R>)
    where
        R: ErrorBody + Body,
    {
        let (parts, body) = response.into_parts();
        let (content, response) = match rule::decide(&parts, &body.size_hint(), self.keeping) {
            Verdict::Free => return (None, Response::from_parts(parts, body)),
            Verdict::Note => (Content::Given, Response::from_parts(parts, body)),
            Verdict::KeepError => {
                let content = self.error(&parts).unwrap_or(Content::Given);
                (content, Response::from_parts(parts, body))
            }
            Verdict::Keep => self.collected(parts, body).await,
        };
        let answer = Answer { scopes, content };
        (Some(answer.write()), response)
    }

    fn error(&self, parts: &response::Parts) -> Option<Content> {
        // A handler may have answered with a status and an error: it wants that status.
        let error = parts.extensions.get::<ApiError>()?.clone().with_status(parts.status);
        Some(Content::Error { error, headers: self.kept_headers(parts) })
    }

    /// Reads the body, whose length is known and fits, and puts it back.
    async fn collected<R>(&self, parts: response::Parts, body: R) -> (Content, Response<R>)
    where
        R: ErrorBody + Body,
    {
        let Ok(body) = body.collect().await else {
            telemetry::failed_with_text(parts.status.as_u16(), "the answer's body failed");
            return (Content::Given, respond_alone(ApiError::new(ErrorCode::Internal)));
        };
        let body = body.to_bytes();
        let content = Content::Whole {
            status: parts.status,
            headers: self.kept_headers(&parts),
            body: body.clone(),
        };
        (content, Response::from_parts(parts, R::from_bytes(body)))
    }

    /// Those headers of an answer that are kept.
    fn kept_headers(&self, parts: &response::Parts) -> Headers {
        let kept = parts.headers.iter().filter(|(name, _)| self.headers.contains(name));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}
