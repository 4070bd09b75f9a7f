use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

/// A file of the page, in the crate itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asset {
    content_type: &'static str,
    text: &'static str,
    /// Changes with the text, so that an address with it is good for ever.
    version: u64,
}

pub(super) const STYLE: Asset = Asset::new("text/css; charset=utf-8", include_str!("page.css"));
pub(super) const SCRIPT: Asset =
    Asset::new("text/javascript; charset=utf-8", include_str!("page.js"));
pub(super) const ICON: Asset = Asset::new("image/svg+xml", include_str!("icon.svg"));

impl Asset {
    const fn new(content_type: &'static str, text: &'static str) -> Self {
        Self { content_type, text, version: fnv1a(text.as_bytes()) }
    }

    /// What follows the `?` of its address.
    pub(super) fn version(&self) -> String {
        format!("{:016x}", self.version)
    }

    /// Kept by the browser if it was asked for under its version; by nobody on the way.
    fn respond(self, query: Option<&str>) -> Response {
        let is_current = query == Some(&self.version());
        let kept = if is_current { "private, max-age=31536000, immutable" } else { "no-store" };
        ([(CONTENT_TYPE, self.content_type), (CACHE_CONTROL, kept)], self.text).into_response()
    }
}

pub(super) async fn style(RawQuery(query): RawQuery) -> Response {
    STYLE.respond(query.as_deref())
}

pub(super) async fn icon(RawQuery(query): RawQuery) -> Response {
    ICON.respond(query.as_deref())
}

pub(super) async fn script(RawQuery(query): RawQuery) -> Response {
    SCRIPT.respond(query.as_deref())
}

/// FNV-1a of 64 bits: tells versions apart, no more.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = after;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_published_function() {
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(fnv1a(text.as_bytes()), hash, "{text}");
        }
    }
}
