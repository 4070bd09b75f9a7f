use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::{ApiError, ErrorCode};

/// Lets a change in only if no page of another site can have sent it.
///
/// A page elsewhere can make a browser send the operator's credentials along, but not with a
/// JSON content type (that takes a CORS preflight, which is answered by nobody here), and not
/// without `Origin` or `Sec-Fetch-Site`, which browsers set and pages cannot.
pub(super) fn check(request: &Parts) -> Result<(), ApiError> {
    if matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    if is_foreign(request) {
        return Err(ApiError::new(ErrorCode::Forbidden)
            .with_message("Changes are not accepted from pages of other sites."));
    }
    // No other method changes anything here: the router answers those with 405.
    let is_change = matches!(request.method, Method::POST | Method::PATCH);
    if is_change && !is_json(&request.headers) {
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType)
            .with_message("Send the request with `Content-Type: application/json`."));
    }
    Ok(())
}

/// By what the browser itself says, which holds behind proxies that change `Host`; by comparison
/// where it says nothing, as old ones do, and all over plain HTTP to another machine.
fn is_foreign(request: &Parts) -> bool {
    let sites = request.headers.get_all("sec-fetch-site");
    let is = |word: &'static str| move |site: &HeaderValue| site.as_bytes() == word.as_bytes();
    if sites.iter().any(|site| !is("same-origin")(site) && !is("none")(site)) {
        return true;
    }
    if sites.iter().any(is("same-origin")) {
        return false;
    }
    request.headers.get_all(header::ORIGIN).iter().any(|origin| !is_own(origin, request))
}

/// Whether the origin's authority is the one that the request was sent to.
fn is_own(origin: &HeaderValue, request: &Parts) -> bool {
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri.authority().map(http::uri::Authority::as_str));
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (origin, host) {
        (Some((scheme, authority)), Some(host)) => {
            let default_port = match scheme {
                "https" => ":443",
                "http" => ":80",
                _ => return false,
            };
            let bare = |authority: &str| {
                authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase()
            };
            bare(authority) == bare(host)
        }
        _ => false,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, StatusCode};

    type Headers<'h> = &'h [(&'h str, &'h str)];

    #[test]
    fn m1_a_change_comes_from_here_or_from_a_program() {
        let own = "http://127.0.0.1:3000";
        let outside = "https://keys.example";
        let json = ("content-type", "application/json");
        let cases: &[(&str, Headers<'_>, Option<u16>)] = &[
            ("GET", &[("origin", "https://evil.example")], None),
            ("POST", &[json], None),
            ("POST", &[("content-type", "Application/JSON; charset=utf-8")], None),
            ("POST", &[json, ("origin", own)], None),
            ("POST", &[json, ("origin", own), ("sec-fetch-site", "same-origin")], None),
            ("POST", &[json, ("sec-fetch-site", "none")], None),
            // What a proxy made of `Host` is not asked.
            ("POST", &[json, ("origin", outside), ("sec-fetch-site", "same-origin")], None),
            ("POST", &[json, ("origin", outside), ("sec-fetch-site", "none")], Some(403)),
            ("POST", &[json, ("origin", outside), ("sec-fetch-site", "")], Some(403)),
            (
                "POST",
                &[json, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
                Some(403),
            ),
            ("POST", &[json, ("sec-fetch-site", "cross-site")], Some(403)),
            ("POST", &[json, ("sec-fetch-site", "same-site")], Some(403)),
            ("POST", &[json, ("origin", own), ("sec-fetch-site", "cross-site")], Some(403)),
            ("POST", &[json, ("origin", "https://evil.example")], Some(403)),
            ("POST", &[json, ("origin", "http://127.0.0.1:3001")], Some(403)),
            ("POST", &[json, ("origin", "null")], Some(403)),
            ("POST", &[json, ("origin", own), ("origin", "https://evil.example")], Some(403)),
            ("POST", &[], Some(415)),
            ("PATCH", &[("content-type", "text/plain")], Some(415)),
            ("POST", &[("content-type", "application/jsonp")], Some(415)),
            ("DELETE", &[], None),
            ("DELETE", &[("origin", "https://evil.example")], Some(403)),
            ("POST", &[("content-type", "multipart/form-data; x=application/json")], Some(415)),
        ];
        for (method, headers, refused) in cases {
            let mut request = Request::builder().method(*method).header("host", "127.0.0.1:3000");
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let status = check(&parts).err().map(|error| error.status());
            let expected = refused.map(|code| StatusCode::from_u16(code).unwrap());
            assert_eq!(status, expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn default_ports_are_the_same_place() {
        for (host, origin, foreign) in [
            ("example.com", "https://example.com:443", false),
            ("example.com:443", "https://example.com", false),
            ("EXAMPLE.com", "http://example.com:80", false),
            ("example.com", "https://example.com:8443", true),
            ("example.com", "ftp://example.com", true),
        ] {
            let request = Request::post("/").header("host", host).header("origin", origin);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(is_foreign(&parts), foreign, "{host} {origin}");
        }
    }
}
