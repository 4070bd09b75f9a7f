//! Exactly one credential, read from the headers as bytes: no key format, no hash, no I/O.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Refusal;

/// The longest header value that is looked at, in bytes.
const MAX_VALUE: usize = 512;

/// The longest credential, in bytes.
const MAX_CREDENTIAL: usize = 256;

const BEARER: &[u8] = b"bearer";

/// What a client sent as its key. It may be anything; only its length is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credential<'h>(&'h [u8]);

/// The headers that a credential is read from: `Authorization: Bearer` and the service's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    others: Vec<HeaderName>,
}

impl<'h> Credential<'h> {
    pub(crate) fn as_bytes(self) -> &'h [u8] {
        self.0
    }
}

impl Sources {
    /// Reads one more header, whose whole value is the credential.
    pub(crate) fn add(&mut self, name: HeaderName) {
        if name != AUTHORIZATION && !self.others.contains(&name) {
            self.others.push(name);
        }
    }

    /// The headers besides `Authorization`.
    pub(crate) fn others(&self) -> &[HeaderName] {
        &self.others
    }

    /// Keeps the credentials out of the `Debug` of the request.
    pub(crate) fn mark_sensitive(&self, headers: &mut HeaderMap) {
        mark_sensitive(headers, &AUTHORIZATION);
        for name in &self.others {
            mark_sensitive(headers, name);
        }
    }

    /// The one credential that was sent.
    ///
    /// An empty value counts as none. Two lines of one header are ambiguous, and so are two headers
    /// with a value each, equal or not: whoever stands in front may have checked the other one.
    pub(crate) fn read<'h>(&self, headers: &'h HeaderMap) -> Result<Credential<'h>, Refusal> {
        let authorization = only_value(headers, &AUTHORIZATION)?;
        let mut other = None;
        for name in &self.others {
            let value = only_value(headers, name)?;
            let one_already = authorization.is_some() || other.is_some();
            if one_already && value.is_some() {
                return Err(Refusal::AmbiguousCredentials);
            }
            other = other.or(value);
        }
        let credential = match (authorization, other) {
            (Some(value), _) => bearer(value).ok_or(Refusal::MalformedCredential)?,
            (None, Some(value)) => value,
            (None, None) => return Err(Refusal::MissingCredential),
        };
        if credential.len() > MAX_CREDENTIAL {
            return Err(Refusal::MalformedCredential);
        }
        Ok(Credential(credential))
    }
}

/// The header's one value, `None` if it is absent or empty.
fn only_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h [u8]>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::AmbiguousCredentials);
    }
    let value = value.as_bytes();
    if value.len() > MAX_VALUE {
        return Err(Refusal::MalformedCredential);
    }
    let empty = value.iter().all(|byte| matches!(byte, b' ' | b'\t'));
    Ok((!empty).then_some(value))
}

/// What follows the scheme: RFC 6750 section 2.1, the scheme in any case (RFC 9110 section 11.1),
/// then one or more spaces.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(BEARER.len())?;
    if !scheme.eq_ignore_ascii_case(BEARER) {
        return None;
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let credential = rest.get(spaces..)?;
    // All bytes are looked at, many at a time: that is quicker than a way out at the first space.
    let inside =
        credential.iter().map(|byte| u8::from(*byte == b' ')).fold(0, |all, one| all | one);
    (spaces > 0 && !credential.is_empty() && inside == 0).then_some(credential)
}

fn mark_sensitive(headers: &mut HeaderMap, name: &HeaderName) {
    match headers.get_mut(name) {
        None => return,
        Some(value) => value.set_sensitive(true),
    }
    // Several lines are about to be refused; they stay out of logs all the same. A request in which
    // no header is repeated, nearly each, spares the look.
    if headers.len() > headers.keys_len() {
        let lines = headers.iter_mut().filter(|(line, _)| *line == name);
        lines.for_each(|(_, value): (_, &mut HeaderValue)| value.set_sensitive(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: &str = "ck_test_abcdefghijklmnopqrstuvwxyz012345";

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    fn sources() -> Sources {
        let mut sources = Sources::default();
        sources.add(HeaderName::from_static("x-api-key"));
        sources
    }

    fn read(lines: &[(&'static str, &[u8])]) -> Result<Vec<u8>, Refusal> {
        sources().read(&headers(lines)).map(|credential| credential.as_bytes().to_vec())
    }

    #[test]
    fn c1_p1_the_authorization_table_of_the_specification() {
        for (value, expected) in [
            ("", Err(Refusal::MissingCredential)),
            (" ", Err(Refusal::MissingCredential)),
            ("Bearer K", Ok(K)),
            ("bearer K", Ok(K)),
            ("bEaReR K", Ok(K)),
            ("BEARER  K", Ok(K)),
            ("Bearer      K", Ok(K)),
            ("Bearer", Err(Refusal::MalformedCredential)),
            ("Bearer ", Err(Refusal::MalformedCredential)),
            ("BearerK", Err(Refusal::MalformedCredential)),
            ("Bearer:K", Err(Refusal::MalformedCredential)),
            ("Bearer: K", Err(Refusal::MalformedCredential)),
            ("Bearer\tK", Err(Refusal::MalformedCredential)),
            ("Bearer K x", Err(Refusal::MalformedCredential)),
            ("Bearer K, Bearer K", Err(Refusal::MalformedCredential)),
            ("Basic K", Err(Refusal::MalformedCredential)),
            ("Basic dXNlcjpwYXNz", Err(Refusal::MalformedCredential)),
            ("K", Err(Refusal::MalformedCredential)),
        ] {
            let found = read(&[("authorization", value.replace('K', K).as_bytes())]);
            assert_eq!(found, expected.map(|key| key.as_bytes().to_vec()), "`{value}`");
        }
    }

    #[test]
    fn k2_a_header_of_the_services_own_is_read_as_it_is() {
        assert_eq!(read(&[("x-api-key", K.as_bytes())]), Ok(K.into()));
        assert_eq!(read(&[("x-api-key", b"")]), Err(Refusal::MissingCredential));
        assert_eq!(read(&[]), Err(Refusal::MissingCredential));
        let bearer = format!("Bearer {K}");
        let both = [("authorization", &b""[..]), ("x-api-key", K.as_bytes())];
        assert_eq!(read(&both), Ok(K.into()), "an empty header is none");
        let both = [("authorization", bearer.as_bytes()), ("x-api-key", b"")];
        assert_eq!(read(&both), Ok(K.into()), "an empty header is none");
        let unread = headers(&[("x-api-key", K.as_bytes())]);
        let refusal = Sources::default().read(&unread).err();
        assert_eq!(refusal, Some(Refusal::MissingCredential), "not a source unless it is named");
    }

    #[test]
    fn h1_two_credentials_in_any_combination_are_ambiguous() {
        let bearer = format!("Bearer {K}");
        let values =
            [bearer.as_bytes(), K.as_bytes(), b"Basic dXNlcjpwYXNz", b"Bearer other", b"x"];
        let pairs = values.iter().flat_map(|one| values.iter().map(move |two| (*one, *two)));
        for (first, second) in pairs {
            for (one, two) in [
                ("authorization", "authorization"),
                ("authorization", "x-api-key"),
                ("x-api-key", "x-api-key"),
            ] {
                let found = read(&[(one, first), (two, second)]);
                assert_eq!(found, Err(Refusal::AmbiguousCredentials), "{one} {two}");
            }
        }
        let found = read(&[("authorization", bearer.as_bytes()), ("authorization", b"")]);
        assert_eq!(found, Err(Refusal::AmbiguousCredentials), "two lines, one of them empty");
    }

    #[test]
    fn h2_long_values_many_copies_and_odd_bytes_are_refused() {
        for length in [65_536, 400 * 1024] {
            let long = [b"Bearer ".as_slice(), &vec![b'a'; length]].concat();
            assert_eq!(read(&[("authorization", &long)]), Err(Refusal::MalformedCredential));
            assert_eq!(read(&[("x-api-key", &long)]), Err(Refusal::MalformedCredential));
        }
        let copies = vec![("authorization", &b"Bearer a"[..]); 90];
        assert_eq!(read(&copies), Err(Refusal::AmbiguousCredentials));
        // Odd bytes pass here and end at the key format's alphabet, see the layer's tests.
        assert_eq!(read(&[("x-api-key", b"\x80\xff")]), Ok(b"\x80\xff".to_vec()));
        let scheme = read(&[("authorization", b"Beare\xf2 K")]);
        assert_eq!(scheme, Err(Refusal::MalformedCredential));
    }

    #[test]
    fn a_credential_has_256_bytes_and_a_value_512_at_most() {
        let [fits, long] = [256, 257].map(|length| vec![b'a'; length]);
        assert_eq!(read(&[("x-api-key", &fits)]), Ok(fits.clone()));
        assert_eq!(read(&[("x-api-key", &long)]), Err(Refusal::MalformedCredential));
        let padded = |spaces, key: &[u8]| [b"Bearer".as_slice(), &vec![b' '; spaces], key].concat();
        assert_eq!(read(&[("authorization", &padded(1, &fits))]), Ok(fits.clone()));
        assert_eq!(read(&[("authorization", &padded(250, &fits))]), Ok(fits.clone()));
        let found = read(&[("authorization", &padded(251, &fits))]);
        assert_eq!(found, Err(Refusal::MalformedCredential), "513 bytes");
    }

    #[test]
    fn every_line_of_every_source_is_marked_sensitive() {
        let mut headers = headers(&[
            ("authorization", b"Bearer one"),
            ("authorization", b"Bearer two"),
            ("x-api-key", b"three"),
            ("accept", b"public"),
        ]);
        sources().mark_sensitive(&mut headers);
        let shown = format!("{headers:?}");
        for secret in ["one", "two", "three"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("public"));
    }
}
