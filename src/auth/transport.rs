//! Whether a request came over HTTPS, by the words of those who can know.
//!
//! 1. Without a trusted proxy in between the connection itself counts, and nothing else:
//!    `:scheme`, absolute URIs and headers are the client's own words.
//! 2. A trusted proxy that names a protocol is believed, whatever its own connection to us is.
//! 3. Of several values the last one counts: the nearest proxy wrote it.
//! 4. `X-Forwarded-Proto` and `Forwarded` that disagree are not HTTPS.

use http::header::FORWARDED;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

use crate::Refusal;
use crate::client_ip::{self, TrustedProxies};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Refuses what did not come over HTTPS.
pub(crate) fn require_https(
    headers: &HeaderMap,
    extensions: &Extensions,
    trusted: Option<&TrustedProxies>,
) -> Result<(), Refusal> {
    let peer = client_ip::peer(extensions).ok_or(Refusal::Misconfigured {
        what: "the HTTPS rule needs the peer of the connection: set a `client_ip::Peer` in the \
               acceptor, or serve with `into_make_service_with_connect_info::<SocketAddr>()`",
    })?;
    let is_trusted = trusted.is_some_and(|trusted| trusted.contains(peer.addr.ip()));
    let vouched = if is_trusted { forwarded_https(headers) } else { None };
    if vouched.unwrap_or(peer.tls) { Ok(()) } else { Err(Refusal::InsecureTransport) }
}

/// What the nearest proxy says; `None` if it says nothing.
fn forwarded_https(headers: &HeaderMap) -> Option<bool> {
    let last =
        |name: HeaderName| headers.get_all(name).iter().next_back().map(HeaderValue::as_bytes);
    let plain = last(X_FORWARDED_PROTO).map(last_value_is_https);
    let standard = last(FORWARDED).and_then(last_element_is_https);
    match (plain, standard) {
        (Some(plain), Some(standard)) => Some(plain && standard),
        (one, other) => one.or(other),
    }
}

fn last_value_is_https(line: &[u8]) -> bool {
    let value = line.rsplit(|byte| *byte == b',').next().unwrap_or_default();
    value.trim_ascii().eq_ignore_ascii_case(b"https")
}

/// The `proto` of the last element (RFC 7239 section 4); `None` if it names none.
///
/// A line with an open quote, or an element with two different protocols, is not HTTPS.
fn last_element_is_https(line: &[u8]) -> Option<bool> {
    let Some(elements) = split_unquoted(line, b',') else { return Some(false) };
    let pairs = split_unquoted(elements.last()?, b';')?;
    let protocols = pairs.into_iter().filter_map(|pair| {
        let (name, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
        let is_proto = name.trim_ascii().eq_ignore_ascii_case(b"proto");
        is_proto.then(|| unquoted(value.get(1..).unwrap_or_default().trim_ascii()))
    });
    protocols.map(|protocol| protocol.eq_ignore_ascii_case(b"https")).reduce(|one, two| one && two)
}

/// The parts between the separators that are in no quoted string; `None` if a quote stays open.
fn split_unquoted(line: &[u8], separator: u8) -> Option<Vec<&[u8]>> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = line.split(|byte| {
        let outside = !quoted;
        if !escaped && *byte == b'"' {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && *byte == b'\\';
        outside && *byte == separator
    });
    let parts = parts.collect();
    (!quoted).then_some(parts)
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_ip::Peer;

    const PROXY: [u8; 4] = [10, 0, 0, 1];
    const STRANGER: [u8; 4] = [192, 0, 2, 1];

    fn decide(peer: [u8; 4], tls: bool, lines: &[(&'static str, &str)]) -> Result<(), Refusal> {
        let mut extensions = Extensions::new();
        extensions.insert(Peer { addr: (peer, 1).into(), tls });
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        require_https(&headers, &extensions, Some(&"10.0.0.0/8".parse().unwrap()))
    }

    #[test]
    fn p2_the_connection_counts_where_no_trusted_proxy_speaks() {
        assert_eq!(decide(STRANGER, true, &[]), Ok(()));
        assert_eq!(decide(STRANGER, false, &[]), Err(Refusal::InsecureTransport));
        assert_eq!(decide(PROXY, true, &[]), Ok(()));
        assert_eq!(decide(PROXY, false, &[]), Err(Refusal::InsecureTransport));
        assert_eq!(decide(STRANGER, true, &[("x-forwarded-proto", "http")]), Ok(()));
    }

    #[test]
    fn h6_a_stranger_is_not_believed() {
        for lines in [
            &[("x-forwarded-proto", "https")][..],
            &[("forwarded", "proto=https")],
            &[("x-forwarded-ssl", "on")],
            &[("x-forwarded-for", "10.0.0.1"), ("x-forwarded-proto", "https")],
        ] {
            assert_eq!(decide(STRANGER, false, lines), Err(Refusal::InsecureTransport));
        }
    }

    #[test]
    fn p2_h6_of_several_values_the_nearest_proxys_counts() {
        const XFP: &str = "x-forwarded-proto";
        for (lines, https) in [
            (&[(XFP, "https")][..], true),
            (&[(XFP, "HTTPS")], true),
            (&[(XFP, "http")], false),
            (&[(XFP, "")], false),
            (&[(XFP, "httpsx")], false),
            (&[(XFP, "https, http")], false),
            (&[(XFP, "http, https")], true),
            (&[(XFP, "https"), (XFP, "http")], false),
            (&[(XFP, "http"), (XFP, "https")], true),
            (&[("forwarded", "for=1.2.3.4;proto=https")], true),
            (&[("forwarded", "for=1.2.3.4; Proto=\"https\";by=x")], true),
            (&[("forwarded", "proto=http, for=1.2.3.4;proto=https")], true),
            (&[("forwarded", "proto=https, proto=http")], false),
            (&[("forwarded", "proto=https"), ("forwarded", "proto=http")], false),
            (&[("forwarded", "for=1.2.3.4")], false),
            (&[("forwarded", "proto=https;proto=http")], false),
            (&[("forwarded", "for=\"a, proto=https")], false),
            (&[("forwarded", "for=\"a\\\",proto=https\";proto=http")], false),
            (&[("forwarded", "for=\"a,proto=http;\";proto=https")], true),
            (&[(XFP, "https"), ("forwarded", "for=1.2.3.4")], true),
            (&[(XFP, "https"), ("forwarded", "proto=http")], false),
            (&[(XFP, "http"), ("forwarded", "proto=https")], false),
            (&[(XFP, "https"), ("forwarded", "proto=https")], true),
            (&[(XFP, "https"), ("forwarded", "for=\"open")], false),
        ] {
            let expected = if https { Ok(()) } else { Err(Refusal::InsecureTransport) };
            assert_eq!(decide(PROXY, false, lines), expected, "{lines:?}");
        }
        let found = decide(PROXY, true, &[(XFP, "http")]);
        assert_eq!(found, Err(Refusal::InsecureTransport), "TLS from the proxy to here only");
    }

    #[test]
    fn a_request_without_a_peer_is_a_mistake_of_the_service() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        let everyone = "0.0.0.0/0".parse().unwrap();
        let refusal = require_https(&headers, &Extensions::new(), Some(&everyone)).unwrap_err();
        assert!(matches!(refusal, Refusal::Misconfigured { .. }));
    }
}
