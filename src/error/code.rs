use http::StatusCode;

/// The family of an [`ErrorCode`], the `type` of the standard envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorType {
    /// The request itself is wrong; sending it again changes nothing.
    InvalidRequest,
    /// No valid key.
    Authentication,
    /// A valid key that may not do this.
    Permission,
    /// No such object or path.
    NotFound,
    /// Too many requests.
    RateLimited,
    /// An idempotency key that is in use, or was used for something else.
    Idempotency,
    /// A fault of the service.
    Internal,
    /// The service cannot answer just now.
    Unavailable,
}

impl ErrorType {
    /// The word of the standard envelope, in snake case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Idempotency => "idempotency",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
        }
    }

    /// The family that a word of [`Self::as_str`] stands for.
    #[cfg(feature = "idempotency")]
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        const ALL: [ErrorType; 8] = [
            ErrorType::InvalidRequest,
            ErrorType::Authentication,
            ErrorType::Permission,
            ErrorType::NotFound,
            ErrorType::RateLimited,
            ErrorType::Idempotency,
            ErrorType::Internal,
            ErrorType::Unavailable,
        ];
        ALL.into_iter().find(|known| known.as_str() == word)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $word:literal, $kind:ident, $status:ident, $sentence:literal;)*) => {
        /// What programs match on. Each code has one type, one status and one sentence.
        ///
        /// ```
        /// use keygate::ErrorCode;
        ///
        /// let code = ErrorCode::InvalidField;
        /// assert_eq!(code.as_str(), "invalid_field");
        /// assert_eq!(code.error_type().as_str(), "invalid_request");
        /// assert_eq!(code.status(), 422);
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $code,)* }

        impl ErrorCode {
            /// Every code, in the order of their statuses.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The word of the standard envelope, in snake case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => $word,)* }
            }

            /// The family it belongs to.
            #[must_use]
            pub fn error_type(self) -> ErrorType {
                match self { $(Self::$code => ErrorType::$kind,)* }
            }

            /// The status it is sent with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status,)* }
            }

            /// The sentence for people, where the one who refuses gives no better one.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$code => $sentence,)* }
            }
        }
    };
}

codes! {
    /// 400: the body does not parse.
    InvalidBody = "invalid_body", InvalidRequest, BAD_REQUEST, "The request could not be read.";
    /// 400: more than one credential.
    AmbiguousCredentials = "ambiguous_credentials", InvalidRequest, BAD_REQUEST, "Send exactly one API key.";
    /// 400: a header that this service reads is not well-formed.
    InvalidHeader = "invalid_header", InvalidRequest, BAD_REQUEST, "A header of the request is not valid.";
    /// 401: no key, or none that is valid.
    InvalidApiKey = "invalid_api_key", Authentication, UNAUTHORIZED, "No valid API key was provided.";
    /// 403: the key lacks a scope.
    InsufficientScope = "insufficient_scope", Permission, FORBIDDEN, "The API key lacks a scope that this request needs.";
    /// 403: the caller may not do this, whatever its scopes.
    Forbidden = "forbidden", Permission, FORBIDDEN, "This is not allowed.";
    /// 403: plain HTTP.
    HttpsRequired = "https_required", Permission, FORBIDDEN, "Requests must be made over HTTPS.";
    /// 404: no such path or object.
    NotFound = "not_found", NotFound, NOT_FOUND, "No such resource.";
    /// 405: the path has no such method.
    MethodNotAllowed = "method_not_allowed", InvalidRequest, METHOD_NOT_ALLOWED, "The method is not allowed for this resource.";
    /// 409: the object's state does not allow it.
    Conflict = "conflict", InvalidRequest, CONFLICT, "The resource's state does not allow this.";
    /// 409: a request with this idempotency key is still being carried out.
    InProgress = "in_progress", Idempotency, CONFLICT, "A request with this idempotency key is still being carried out.";
    /// 409: a request with this idempotency key was carried out, and its answer could not be kept.
    AnswerNotKept = "answer_not_kept", Idempotency, CONFLICT, "A request with this idempotency key was carried out, and its answer was not kept.";
    /// 413: the body is larger than the service takes.
    BodyTooLarge = "body_too_large", InvalidRequest, PAYLOAD_TOO_LARGE, "The request's body is too large.";
    /// 415: the body is of another type than the service takes.
    UnsupportedMediaType = "unsupported_media_type", InvalidRequest, UNSUPPORTED_MEDIA_TYPE, "The request's Content-Type is not supported.";
    /// 422: a field's value is wrong, unknown or missing.
    InvalidField = "invalid_field", InvalidRequest, UNPROCESSABLE_ENTITY, "A field of the request is not valid.";
    /// 422: the idempotency key was used for another request.
    KeyReused = "key_reused", Idempotency, UNPROCESSABLE_ENTITY, "This idempotency key was used for another request.";
    /// 429: a quota is used up.
    RateLimitExceeded = "rate_limit_exceeded", RateLimited, TOO_MANY_REQUESTS, "Too many requests. Slow down and retry after the indicated time.";
    /// 500: a fault of the service.
    Internal = "internal", Internal, INTERNAL_SERVER_ERROR, "Something went wrong on our side.";
    /// 500: the service is put together wrongly.
    Misconfigured = "misconfigured", Internal, INTERNAL_SERVER_ERROR, "The service is misconfigured.";
    /// 503: something that the service depends on does not answer.
    Unavailable = "unavailable", Unavailable, SERVICE_UNAVAILABLE, "The service is temporarily unavailable. Retry shortly.";
}
