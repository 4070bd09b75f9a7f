//! Who is at the other end of the connection, and who is behind the proxies.
//!
//! 1. The [`Peer`] is whoever opened the connection. The acceptor knows it; with axum,
//!    `into_make_service_with_connect_info::<SocketAddr>()` is enough.
//! 2. Only a peer among the [`TrustedProxies`] is believed about anyone else.
//! 3. `X-Forwarded-For` is read from the right over all its lines: the first address that is no
//!    trusted proxy is the client. What stands further left is the client's own words.
//!
//! ```
//! use keygate::client_ip::TrustedProxies;
//!
//! let proxies: TrustedProxies = "10.0.0.0/8, 127.0.0.1".parse()?;
//! assert!(proxies.contains("10.1.2.3".parse()?));
//! assert!(!proxies.contains("192.0.2.1".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The header that proxies append the address of their own peer to.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of the connection.
///
/// An extension of the request, which the acceptor sets. With axum it need not be set:
/// `ConnectInfo<SocketAddr>` is read too, as a connection without TLS.
///
/// ```
/// use keygate::client_ip::Peer;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Peer { addr: ([192, 0, 2, 1], 4711).into(), tls: true });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub addr: SocketAddr,
    /// Whether the connection to it is encrypted by TLS that ends in this process.
    pub tls: bool,
}

/// The networks whose `X-Forwarded-…` headers are believed; see [the module](self).
///
/// Cheap to clone. As text it is a list of networks or addresses with commas in between.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

/// Why a text is no list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{entry}` is neither a network such as `10.0.0.0/8` nor an address; separate several by commas"
)]
#[non_exhaustive]
pub struct InvalidTrustedProxies {
    /// The entry that does not parse.
    pub entry: String,
}

impl TrustedProxies {
    /// Believes nobody: what counts is the connection itself.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether the address is in one of the networks.
    ///
    /// An IPv4 address inside IPv6 is an IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = InvalidTrustedProxies;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(network).collect::<Result<Vec<_>, _>>().map(|all| Self(all.into()))
    }
}

/// The peer of a request, if the acceptor or axum told.
pub(crate) fn peer(extensions: &Extensions) -> Option<Peer> {
    extensions.get::<Peer>().copied().or_else(|| connect_info(extensions))
}

/// The address of the client: the peer's, or the one that trusted proxies vouch for.
///
/// `None` if there is no [`peer`]; a rule that needs it then answers 500 `misconfigured`.
pub(crate) fn client_ip(
    headers: &HeaderMap,
    extensions: &Extensions,
    trusted: &TrustedProxies,
) -> Option<IpAddr> {
    let mut client = peer(extensions)?.addr.ip().to_canonical();
    if !trusted.contains(client) {
        return Some(client);
    }
    for line in headers.get_all(X_FORWARDED_FOR).iter().rev() {
        // A proxy that says something else than an address vouches for nobody beyond itself.
        // Each entry by itself: what a client sent stands on the left of what its proxy added.
        let entries = line.as_bytes().rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            let entry = std::str::from_utf8(entry).ok();
            let Some(address) = entry.and_then(forwarded_address) else { return Some(client) };
            client = address;
            if !trusted.contains(client) {
                return Some(client);
            }
        }
    }
    Some(client)
}

/// Whether somebody says that there are proxies in between, true or not.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(X_FORWARDED_FOR)
}

fn network(entry: &str) -> Result<IpNet, InvalidTrustedProxies> {
    let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| InvalidTrustedProxies { entry: entry.to_owned() })
}

/// An address with or without a port, IPv6 with or without brackets.
fn forwarded_address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(feature = "axum")]
fn connect_info(extensions: &Extensions) -> Option<Peer> {
    use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

    let real = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    // What axum offers to tests in place of a connection.
    let addr = real.or_else(|| extensions.get::<MockConnectInfo<SocketAddr>>().map(|mock| mock.0));
    addr.map(|addr| Peer { addr, tls: false })
}

#[cfg(not(feature = "axum"))]
fn connect_info(_: &Extensions) -> Option<Peer> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXIES: &str = "10.0.0.0/8, ::1, 2001:db8::/32";

    fn from(peer: &str, lines: &[&str]) -> String {
        let mut extensions = Extensions::new();
        let addr = SocketAddr::new(peer.parse().unwrap(), 1);
        extensions.insert(Peer { addr, tls: false });
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        client_ip(&headers, &extensions, &PROXIES.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn the_first_address_from_the_right_that_is_no_proxy_is_the_client() {
        for (peer, lines, client) in [
            ("192.0.2.9", &[][..], "192.0.2.9"),
            ("192.0.2.9", &["198.51.100.1"], "192.0.2.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1", "10.9.9.9", "10.8.8.8,"], "198.51.100.1"),
            ("10.0.0.1", &["10.7.7.7, 10.9.9.9"], "10.7.7.7"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, unknown, 10.9.9.9"], "10.9.9.9"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("::1", &["[2001:dead::1]:4711"], "2001:dead::1"),
            ("::1", &["[2001:dead::1]"], "2001:dead::1"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(from(peer, lines), client, "{peer} {lines:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_vouch_for_nobody() {
        let mut extensions = Extensions::new();
        extensions.insert(Peer { addr: ([10, 0, 0, 1], 1).into(), tls: false });
        let mut headers = HeaderMap::new();
        for (line, expected) in [
            (&b"1.2.3.4, \xff"[..], [10, 0, 0, 1]),
            (b"\xff, 198.51.100.1", [198, 51, 100, 1]),
            (b"\xff\xfe,\xff , 198.51.100.1 ,10.9.9.9", [198, 51, 100, 1]),
            (b"198.51.100.1, \xff, 10.9.9.9", [10, 9, 9, 9]),
        ] {
            headers.insert(X_FORWARDED_FOR, http::HeaderValue::from_bytes(line).unwrap());
            let client = client_ip(&headers, &extensions, &PROXIES.parse().unwrap());
            assert_eq!(client, Some(expected.into()), "{line:?}");
        }
    }

    #[test]
    fn h6_ten_thousand_forged_addresses_are_one_client() {
        let clients: std::collections::HashSet<_> = (0..10_000_u32)
            .map(|n| {
                let forged = IpAddr::from(n.to_be_bytes()).to_string();
                let through_a_proxy = from("10.0.0.1", &[&forged, "198.51.100.1"]);
                (from("198.51.100.1", &[&forged]), through_a_proxy)
            })
            .collect();
        assert_eq!(clients.len(), 1, "{clients:?}");
    }

    #[test]
    fn without_a_peer_there_is_no_client() {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, "198.51.100.1".parse().unwrap());
        let trusted = "0.0.0.0/0, ::/0".parse().unwrap();
        assert_eq!(client_ip(&headers, &Extensions::new(), &trusted), None);
    }

    #[cfg(feature = "axum")]
    #[test]
    fn axums_connect_info_is_a_peer_without_tls() {
        let addr = SocketAddr::from(([192, 0, 2, 1], 4711));
        let mut extensions = Extensions::new();
        extensions.insert(axum::extract::ConnectInfo(addr));
        assert_eq!(peer(&extensions), Some(Peer { addr, tls: false }));
        extensions.insert(Peer { addr, tls: true });
        assert_eq!(peer(&extensions), Some(Peer { addr, tls: true }), "the acceptor knows better");
    }

    #[test]
    fn a_list_that_does_not_parse_says_which_entry() {
        let error = "10.0.0.0/8, example.com".parse::<TrustedProxies>().unwrap_err();
        assert_eq!(error.entry, "example.com");
        assert!("10.0.0.0/33".parse::<TrustedProxies>().is_err());
        assert!(!"".parse::<TrustedProxies>().unwrap().contains([127, 0, 0, 1].into()));
    }
}
