use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, StatusCode};

use super::redact::{holds_key, redact};
use super::{ErrorCode, ErrorType, Refusal};
use crate::ScopeName;

/// What a client is told: a code with its details, written by the service's envelope.
///
/// The layers refuse with it, and so do the handlers of the application:
///
/// ```
/// use keygate::{ApiError, ErrorCode};
///
/// fn amount(text: &str) -> Result<u64, ApiError> {
///     text.parse().map_err(|_| ApiError::invalid_field("amount", "must be a whole number"))
/// }
///
/// let error = amount("ten").unwrap_err();
/// assert_eq!(error.status(), 422);
/// assert_eq!(error.code(), ErrorCode::InvalidField.as_str());
/// assert_eq!(error.message(), "amount: must be a whole number");
/// ```
///
/// Cheap to clone.
#[derive(Clone)]
#[must_use]
pub struct ApiError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    status: StatusCode,
    error_type: ErrorType,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    refusal: Option<Refusal>,
    retry_after: Option<Duration>,
    missing_scopes: Vec<ScopeName>,
    fields: Vec<FieldError>,
    challenge: Option<HeaderValue>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// A field of the request and what is wrong with it.
///
/// ```
/// use keygate::ApiError;
///
/// let error = ApiError::invalid_field("amount", "must be positive");
/// assert_eq!(error.fields()[0].name, "amount");
/// assert_eq!(error.fields()[0].problem, "must be positive");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldError {
    /// The field's path, as in `quota.per_minute`.
    pub name: Cow<'static, str>,
    /// What is wrong with it: a phrase without the field's name.
    pub problem: Cow<'static, str>,
}

#[cfg(feature = "idempotency")]
impl FieldError {
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), problem: problem.into() }
    }
}

impl ApiError {
    /// An error of the crate's table, with its sentence.
    pub fn new(code: ErrorCode) -> Self {
        Self(Arc::new(Inner {
            status: code.status(),
            error_type: code.error_type(),
            code: code.as_str().into(),
            message: code.sentence().into(),
            refusal: None,
            retry_after: None,
            missing_scopes: Vec::new(),
            fields: Vec::new(),
            challenge: None,
            source: None,
        }))
    }

    /// An error of the application's own, such as 402 `card_declined`.
    pub fn custom(
        status: StatusCode,
        error_type: ErrorType,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut error = Self::new(ErrorCode::Internal);
        let inner = error.inner();
        inner.status = status;
        inner.error_type = error_type;
        inner.code = code.into();
        inner.message = message.into();
        error
    }

    /// 404 `not_found`.
    pub fn not_found() -> Self {
        Self::new(ErrorCode::NotFound)
    }

    /// 422 `invalid_field`: names the field and says what is wrong with it.
    ///
    /// What looks like a key's text in either is sent as `[redacted]`: texts about a client's input
    /// tend to quote it.
    pub fn invalid_field(
        name: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        let field =
            FieldError { name: without_keys(name.into()), problem: without_keys(problem.into()) };
        let mut error = Self::new(ErrorCode::InvalidField)
            .with_message(format!("{}: {}", field.name, field.problem));
        error.inner().fields.push(field);
        error
    }

    /// 403 `insufficient_scope`: names what is missing.
    pub fn insufficient_scope(missing: impl IntoIterator<Item = ScopeName>) -> Self {
        let missing: Vec<_> = missing.into_iter().collect();
        let names: Vec<_> = missing.iter().map(|scope| format!("`{scope}`")).collect();
        let message = match names.as_slice() {
            [one] => format!("The API key lacks the scope {one}."),
            _ => format!("The API key lacks the scopes {}.", names.join(", ")),
        };
        let mut error = Self::new(ErrorCode::InsufficientScope)
            .with_message(message)
            .with_refusal(Refusal::InsufficientScope);
        error.inner().missing_scopes = missing;
        error
    }

    /// 429 `rate_limit_exceeded`: may be sent again after `wait`.
    pub fn rate_limited(wait: Duration) -> Self {
        Self::new(ErrorCode::RateLimitExceeded)
            .with_refusal(Refusal::RateLimited)
            .with_retry_after(wait)
    }

    /// 500 `misconfigured`: the client learns nothing more, the log says `what` is missing.
    pub fn misconfigured(what: &'static str) -> Self {
        Self::new(ErrorCode::Misconfigured).with_refusal(Refusal::Misconfigured { what })
    }

    /// 503 `unavailable`: may be sent again after `wait`.
    pub fn unavailable(wait: Duration) -> Self {
        Self::new(ErrorCode::Unavailable).with_retry_after(wait)
    }

    /// Replaces the sentence for people.
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.inner().message = message.into();
        self
    }

    /// Notes the precise reason; it is for logs and envelopes.
    pub fn with_refusal(mut self, refusal: Refusal) -> Self {
        self.inner().refusal = Some(refusal);
        self
    }

    /// Says when to try again. Sent in whole seconds, rounded up, at least 1.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.inner().retry_after = Some(wait);
        self
    }

    /// Replaces the `WWW-Authenticate` that it has if it is sent as 401: `Bearer` otherwise, with
    /// the realm `api` and an `error` that fits the refusal.
    pub fn with_challenge(mut self, challenge: HeaderValue) -> Self {
        self.inner().challenge = Some(challenge);
        self
    }

    /// Notes the cause. It is logged and never sent.
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.inner().source = Some(Arc::new(source));
        self
    }

    /// The status it asks for; an envelope may send another.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The family of the code.
    #[must_use]
    pub fn error_type(&self) -> ErrorType {
        self.0.error_type
    }

    /// What programs match on.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The precise reason, where a layer of this crate refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// The wait in whole seconds, rounded up, at least 1: the figure of the `Retry-After` header.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        let wait = self.0.retry_after?;
        Some(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1))
    }

    /// The scopes that the key would have needed.
    #[must_use]
    pub fn missing_scopes(&self) -> &[ScopeName] {
        &self.0.missing_scopes
    }

    /// The moment at which the refused key expired.
    #[must_use]
    pub fn expired_at(&self) -> Option<SystemTime> {
        match self.refusal() {
            Some(Refusal::Expired { at }) => Some(*at),
            _ => None,
        }
    }

    /// The fields that are wrong.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// The same error with the status that a handler gave its response.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.inner().status = status;
        self
    }

    /// The same error about these fields.
    #[cfg(feature = "idempotency")]
    pub(crate) fn with_fields(mut self, fields: impl IntoIterator<Item = FieldError>) -> Self {
        self.inner().fields = fields.into_iter().collect();
        self
    }

    /// The same error for want of these scopes.
    #[cfg(feature = "idempotency")]
    pub(crate) fn with_missing_scopes(mut self, missing: Vec<ScopeName>) -> Self {
        self.inner().missing_scopes = missing;
        self
    }

    /// The challenge that replaces `Bearer`.
    pub(crate) fn challenge(&self) -> Option<&HeaderValue> {
        self.0.challenge.as_ref()
    }

    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("status", &self.status())
            .field("code", &self.code())
            .field("message", &self.message())
            .field("refusal", &self.refusal())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status().as_u16(), self.code(), self.message())
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}

fn without_keys(text: Cow<'static, str>) -> Cow<'static, str> {
    if holds_key(&text) { redact(&text).into_owned().into() } else { text }
}
