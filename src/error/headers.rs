use std::fmt::Write as _;

use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{ApiError, Refusal, number};
use crate::ScopeName;

/// The realm where no layer names one.
const REALM: &str = "api";

/// The challenges of one realm, written once and cheap to clone.
///
/// A layer that refuses gives its error the one that fits:
/// `error.with_challenge(challenges.of(&refusal))`.
#[derive(Debug, Clone)]
pub(crate) struct Challenges {
    plain: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
}

impl Challenges {
    /// Characters that a header cannot carry are left out of the realm, quotes are escaped.
    pub(crate) fn of_realm(realm: &str) -> Self {
        let plain = format!("Bearer realm={}", quoted(realm));
        Self {
            invalid_request: value(format!("{plain}, error=\"invalid_request\"")),
            invalid_token: value(format!("{plain}, error=\"invalid_token\"")),
            plain: value(plain),
        }
    }

    /// The challenge of [RFC 6750 section 3]: no `error` where nothing was sent.
    ///
    /// [RFC 6750 section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
    pub(crate) fn of(&self, refusal: &Refusal) -> HeaderValue {
        match refusal {
            Refusal::MissingCredential | Refusal::InsecureTransport => &self.plain,
            Refusal::AmbiguousCredentials => &self.invalid_request,
            _ => &self.invalid_token,
        }
        .clone()
    }
}

/// Adds what the final status of an error demands: the only place that does.
///
/// 401 has a challenge, 403 for want of a scope says which, 401, 403 and 429 are not stored by
/// caches, 409, 429 and 503 say when to come again if that is known.
pub(crate) fn finish(headers: &mut HeaderMap, status: StatusCode, error: &ApiError) {
    match status {
        StatusCode::UNAUTHORIZED => challenge(headers, error),
        StatusCode::FORBIDDEN if error.refusal() == Some(&Refusal::InsufficientScope) => {
            headers.insert(WWW_AUTHENTICATE, insufficient_scope(error.missing_scopes()));
        }
        _ => {}
    }
    if matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    ) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if matches!(
        status,
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) && let Some(seconds) = error.retry_after()
    {
        headers.insert(RETRY_AFTER, number(seconds));
    }
}

/// An error's own challenge goes first, then one that the response already has, then the default.
fn challenge(headers: &mut HeaderMap, error: &ApiError) {
    if let Some(own) = error.challenge() {
        headers.insert(WWW_AUTHENTICATE, own.clone());
    } else if !headers.contains_key(WWW_AUTHENTICATE) {
        let challenges = Challenges::of_realm(REALM);
        let challenge =
            error.refusal().map_or(challenges.plain.clone(), |refusal| challenges.of(refusal));
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
}

fn insufficient_scope(missing: &[ScopeName]) -> HeaderValue {
    let mut challenge = "Bearer error=\"insufficient_scope\"".to_owned();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(ScopeName::as_str).collect();
        // Writing to a `String` cannot fail.
        let _ = write!(challenge, ", scope={}", quoted(&names.join(" ")));
    }
    value(challenge)
}

/// A quoted string of RFC 9110 section 5.6.4.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars().filter(|c| matches!(c, ' '..='~')) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// Only visible ASCII comes here; should that ever fail, the client still learns the scheme.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::ErrorCode;

    fn finished(status: StatusCode, error: &ApiError) -> HeaderMap {
        let mut headers = HeaderMap::new();
        finish(&mut headers, status, error);
        headers
    }

    #[test]
    fn a_401_says_no_error_when_nothing_was_sent() {
        let at = SystemTime::UNIX_EPOCH;
        let table = [
            (None, r#"Bearer realm="api""#),
            (Some(Refusal::MissingCredential), r#"Bearer realm="api""#),
            (Some(Refusal::UnknownKey), r#"Bearer realm="api", error="invalid_token""#),
            (Some(Refusal::MalformedCredential), r#"Bearer realm="api", error="invalid_token""#),
            (Some(Refusal::Expired { at }), r#"Bearer realm="api", error="invalid_token""#),
            (Some(Refusal::AmbiguousCredentials), r#"Bearer realm="api", error="invalid_request""#),
        ];
        for (refusal, expected) in table {
            let mut error = ApiError::new(ErrorCode::InvalidApiKey);
            if let Some(refusal) = refusal.clone() {
                error = error.with_refusal(refusal);
            }
            let headers = finished(StatusCode::UNAUTHORIZED, &error);
            assert_eq!(headers[WWW_AUTHENTICATE], expected, "{refusal:?}");
            assert_eq!(headers[CACHE_CONTROL], "no-store");
        }
    }

    #[test]
    fn an_errors_own_challenge_goes_before_the_responses_and_the_default() {
        let basic = HeaderValue::from_static("Basic realm=\"ops\"");
        let error = ApiError::new(ErrorCode::InvalidApiKey);
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Negotiate"));
        finish(&mut headers, StatusCode::UNAUTHORIZED, &error);
        assert_eq!(headers[WWW_AUTHENTICATE], "Negotiate");
        finish(&mut headers, StatusCode::UNAUTHORIZED, &error.with_challenge(basic.clone()));
        assert_eq!(headers[WWW_AUTHENTICATE], basic);
        assert_eq!(headers.get_all(WWW_AUTHENTICATE).iter().count(), 1);
    }

    #[test]
    fn a_403_for_want_of_scopes_names_them() {
        let scopes = ["a:read", "b:write"].map(ScopeName::from_static);
        let headers = finished(StatusCode::FORBIDDEN, &ApiError::insufficient_scope(scopes));
        assert_eq!(
            headers[WWW_AUTHENTICATE],
            r#"Bearer error="insufficient_scope", scope="a:read b:write""#
        );
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        let headers = finished(StatusCode::FORBIDDEN, &ApiError::new(ErrorCode::Forbidden));
        assert!(!headers.contains_key(WWW_AUTHENTICATE));
        assert_eq!(headers[CACHE_CONTROL], "no-store");
    }

    #[test]
    fn retry_after_is_whole_seconds_rounded_up_on_409_429_and_503_only() {
        let error = ApiError::rate_limited(Duration::from_millis(1_001));
        for (status, expected) in
            [(409, Some("2")), (429, Some("2")), (503, Some("2")), (500, None), (404, None)]
        {
            let headers = finished(StatusCode::from_u16(status).unwrap(), &error);
            let found = headers.get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(found, expected, "{status}");
        }
        let none = finished(StatusCode::TOO_MANY_REQUESTS, &ApiError::not_found());
        assert!(!none.contains_key(RETRY_AFTER));
    }

    #[test]
    fn h7_a_hostile_realm_is_one_well_formed_challenge() {
        let table = [
            ("plain", r#"Bearer realm="plain""#),
            (r#"a"b\c"#, r#"Bearer realm="a\"b\\c""#),
            ("a\r\nSet-Cookie: x=1", r#"Bearer realm="aSet-Cookie: x=1""#),
            ("\u{0}\u{7f}é\u{1F511}", r#"Bearer realm="""#),
            ("\", error=\"", r#"Bearer realm="\", error=\"""#),
        ];
        for (realm, expected) in table {
            assert_eq!(Challenges::of_realm(realm).plain, expected);
        }
    }
}
