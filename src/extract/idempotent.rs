use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, OriginalUri, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::idempotency::{Content, Entry, Exchange, Finish, Headers, Mounted};
use crate::{ApiError, ErrorCode};

/// Says that an answer is one that was given before.
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The body of a request that is carried out once for each `Idempotency-Key`.
///
/// The last argument of a handler, after `Scoped`: whoever lacks the scope is refused before. The
/// rules are those of [`idempotency`](crate::idempotency). Without the header, and for methods that
/// change nothing, it is `T` and nothing else; a handler that takes no body writes `_: Idempotent`.
///
/// ```
/// use axum::Router;
/// use axum::extract::Path;
/// use axum::routing::{delete, post};
/// use keygate::{Idempotent, Json, Scoped, scopes};
///
/// scopes! {
///     /// Everything a key can be issued with.
///     pub catalogue SCOPES;
///     /// Create and archive payment links.
///     pub LinksWrite = "links:write";
/// }
///
/// #[derive(serde::Deserialize)]
/// struct NewLink {
///     amount: String,
/// }
///
/// async fn create(
///     caller: Scoped<LinksWrite>,
///     Idempotent(Json(link)): Idempotent<Json<NewLink>>,
/// ) -> Json<String> {
///     Json(format!("{} for {}", link.amount, caller.account()))
/// }
///
/// async fn archive(_: Scoped<LinksWrite>, Path(id): Path<String>, _: Idempotent) -> Json<String> {
///     Json(id)
/// }
///
/// let routes: Router =
///     Router::new().route("/links", post(create)).route("/links/{id}", delete(archive));
/// # let _ = routes;
/// ```
///
/// A route outside of an [`IdempotencyLayer`](crate::IdempotencyLayer) answers 500 `misconfigured`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Idempotent<T = NoBody>(pub T);

/// What a handler takes that does not read its request's body.
///
/// See [`Idempotent`] for an example.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoBody;

/// Why a handler with an [`Idempotent`] body did not run.
#[derive(Debug)]
#[non_exhaustive]
pub enum IdempotentRejection<R> {
    /// The key is malformed, in use or another request's, the body is too large, or the store of
    /// keys does not answer.
    Refused(ApiError),
    /// It has run before: this is its answer, with `Idempotent-Replayed: true`.
    Replayed(Response),
    /// There is no `T` in the request. Its key is free again.
    Inner(R),
}

/// What a handler's answer is kept through that writes it into a transaction of its own.
///
/// An argument before [`Idempotent`]; see [the module](crate::idempotency#in-one-transaction).
#[derive(Debug, Clone)]
pub struct Run(Option<Arc<Exchange>>);

impl Run {
    /// The answer as it is to be kept, and as it is to be sent.
    ///
    /// `None` without an `Idempotency-Key`, and for an answer that is not kept: then the operation
    /// may be carried out again, so roll back. Once it is in the transaction, commit, and send the
    /// response as it is.
    pub async fn finish(&self, answer: impl IntoResponse) -> (Option<Finish>, Response) {
        let response = answer.into_response();
        match &self.0 {
            Some(exchange) => exchange.write(response).await,
            None => (None, response),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Run {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(Mounted::expect(&parts.method, &parts.extensions)?))
    }
}

impl<T: FromRequest<S>, S: Send + Sync> FromRequest<S> for Idempotent<T> {
    type Rejection = IdempotentRejection<T::Rejection>;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let Some(exchange) = Mounted::expect(request.method(), request.extensions())? else {
            let body = T::from_request(request, state).await;
            return body.map(Self).map_err(IdempotentRejection::Inner);
        };
        let (parts, body) = request.into_parts();
        Exchange::check(&parts)?;
        let body = read(body, exchange.max_body()).await?;
        if let Entry::Replay(answer) = exchange.enter(&parts, path(&parts), &body).await? {
            return Err(IdempotentRejection::Replayed(replayed(answer)));
        }
        let request = Request::from_parts(parts, Body::from(body));
        T::from_request(request, state).await.map(Self).map_err(|rejection| {
            exchange.refuse();
            IdempotentRejection::Inner(rejection)
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = std::convert::Infallible;

    async fn from_request(_: Request, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

impl<R, E: Into<ApiError>> From<E> for IdempotentRejection<R> {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl<R: IntoResponse> IntoResponse for IdempotentRejection<R> {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(error) => error.into_response(),
            Self::Replayed(response) => response,
            Self::Inner(rejection) => rejection.into_response(),
        }
    }
}

/// The path that the client asked for. What a nested router sees is a part of it.
fn path(parts: &Parts) -> &str {
    parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |original| original.path())
}

async fn read(body: Body, most: usize) -> Result<Bytes, ApiError> {
    use http_body::Body as _;
    let too_large = || {
        let message =
            format!("The body of a request with an Idempotency-Key has at most {most} bytes.");
        ApiError::new(ErrorCode::BodyTooLarge).with_message(message)
    };
    // Told before, it is refused before a byte of it is read.
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) if is_cut_off(&*error) => Err(ApiError::new(ErrorCode::BodyTooLarge)),
        Err(_) => Err(ApiError::new(ErrorCode::InvalidBody)),
    }
}

/// Whether a layer outside allows less: its limit comes as an error of the body.
fn is_cut_off(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.any(<dyn Error>::is::<LengthLimitError>)
}

fn replayed(answer: Content) -> Response {
    let mut response = match answer {
        Content::Whole { status, headers, body } => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            add(&mut response, headers);
            response
        }
        // Its body is written anew, and what describes the body with it.
        Content::Error { error, headers } => {
            let mut response = error.into_response();
            let about_more = |(name, _): &(HeaderName, _)| !response.headers().contains_key(name);
            let headers = headers.into_iter().filter(about_more).collect();
            add(&mut response, headers);
            response
        }
        // The layer has refused it.
        Content::Given => ApiError::new(ErrorCode::AnswerNotKept).into_response(),
    };
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    response
}

fn add(response: &mut Response, headers: Headers) {
    for (name, value) in headers {
        response.headers_mut().append(name, value);
    }
}
