use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// What caches between client and service are told about responses that depend on a header.
///
/// `Authorization` alone needs none of this: shared caches keep no response to it (RFC 9111
/// section 3.5). A header of the service's own lacks that protection.
#[derive(Debug, Clone)]
pub(crate) struct CacheControl {
    vary: HeaderValue,
    private: bool,
}

impl CacheControl {
    /// Names the headers that the response depends on.
    pub(crate) fn vary<'n>(names: impl IntoIterator<Item = &'n HeaderName>) -> Self {
        let names: Vec<_> = names.into_iter().map(HeaderName::as_str).collect();
        let vary = HeaderValue::from_str(&names.join(", "));
        Self { vary: vary.unwrap_or(HeaderValue::from_static("*")), private: false }
    }

    /// Keeps responses out of shared caches, unless the handler says otherwise.
    pub(crate) fn private(self) -> Self {
        Self { private: true, ..self }
    }

    /// Adds to what the handler said, and replaces nothing.
    pub(crate) fn apply(&self, status: StatusCode, headers: &mut HeaderMap) {
        headers.append(VARY, self.vary.clone());
        let refused =
            [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS];
        // Those three become `no-store` where errors are written.
        if self.private && !refused.contains(&status) && !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
    }
}
