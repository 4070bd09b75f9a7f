use http::HeaderValue;

use crate::Refusal;

/// The realm of a service that names none.
const DEFAULT_REALM: &str = "api";

/// The longest realm that is sent, in characters.
const MAX_REALM: usize = 128;

/// The values of `WWW-Authenticate`, RFC 6750 section 3.
#[derive(Debug, Clone)]
pub(super) struct Challenges {
    /// Nothing was sent: no `error`.
    plain: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
}

impl Challenges {
    /// Names a realm. What a quoted string cannot hold as it is, is left out.
    pub(super) fn new(realm: &str) -> Self {
        let fits = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let realm: String = realm.chars().filter(fits).take(MAX_REALM).collect();
        let realm = if realm.trim().is_empty() { DEFAULT_REALM } else { &realm };
        let value = |error: &str| {
            let value = HeaderValue::try_from(format!("Bearer realm=\"{realm}\"{error}"));
            value.unwrap_or(HeaderValue::from_static("Bearer"))
        };
        Self {
            plain: value(""),
            invalid_request: value(", error=\"invalid_request\""),
            invalid_token: value(", error=\"invalid_token\""),
        }
    }

    /// What a client that was refused is challenged with, if the answer becomes a 401.
    pub(super) fn of(&self, refusal: &Refusal) -> HeaderValue {
        match refusal {
            Refusal::MissingCredential => self.plain.clone(),
            Refusal::AmbiguousCredentials => self.invalid_request.clone(),
            _ => self.invalid_token.clone(),
        }
    }
}

impl Default for Challenges {
    fn default() -> Self {
        Self::new(DEFAULT_REALM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_sent_is_challenged_without_an_error() {
        let challenges = Challenges::default();
        assert_eq!(challenges.of(&Refusal::MissingCredential), "Bearer realm=\"api\"");
        let invalid = challenges.of(&Refusal::Revoked);
        assert_eq!(invalid, "Bearer realm=\"api\", error=\"invalid_token\"");
        let ambiguous = challenges.of(&Refusal::AmbiguousCredentials);
        assert_eq!(ambiguous, "Bearer realm=\"api\", error=\"invalid_request\"");
    }

    #[test]
    fn h7_a_realm_never_breaks_out_of_its_quotes() {
        for (realm, sent) in [
            ("my shop", "my shop"),
            ("a\"b\\c", "abc"),
            ("a\r\nset-cookie: x=1", "aset-cookie: x=1"),
            ("käse\u{7f}\0", "kse"),
            ("\r\n", "api"),
            ("   ", "api"),
            ("", "api"),
        ] {
            let value = Challenges::new(realm).of(&Refusal::MissingCredential);
            assert_eq!(value, format!("Bearer realm=\"{sent}\""), "{realm:?}");
        }
        assert!(Challenges::new(&"x".repeat(70_000)).plain.len() < 200);
    }
}
