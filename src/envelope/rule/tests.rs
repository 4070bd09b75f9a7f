use http::{Method, Response, StatusCode};
use http_body::SizeHint;

use super::*;
use Rewrite::{FromError, FromStatus, FromText, Keep};

const PLAIN: &str = "text/plain; charset=utf-8";

/// What the extensions hold.
#[derive(Debug, Clone, Copy)]
enum Mark {
    Nothing,
    AsIs,
    Error,
    Both,
}

/// A body's size: known, unknown, or unknown with an upper bound.
#[derive(Debug, Clone, Copy)]
enum Size {
    Exactly(u64),
    Unknown,
    UpTo(u64),
}

type Row = (&'static str, u16, Mark, &'static [(&'static str, &'static str)], Size, Rewrite);

/// One row for each case: method, status, extensions, headers, size, what becomes of it.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    // 1 Marked, no error, or a switch of protocols.
    ("GET", 200, Mark::Nothing, &[], Size::Exactly(0), Keep),
    ("GET", 200, Mark::Nothing, &[("content-type", PLAIN)], Size::Exactly(2), Keep),
    ("GET", 200, Mark::Error, &[], Size::Exactly(0), Keep),
    ("GET", 101, Mark::Nothing, &[], Size::Exactly(0), Keep),
    ("GET", 101, Mark::Error, &[], Size::Exactly(0), Keep),
    ("GET", 204, Mark::Nothing, &[], Size::Exactly(0), Keep),
    ("GET", 302, Mark::Nothing, &[], Size::Exactly(0), Keep),
    ("GET", 304, Mark::Nothing, &[("etag", "\"1\"")], Size::Exactly(0), Keep),
    ("GET", 399, Mark::Nothing, &[], Size::Exactly(0), Keep),
    ("GET", 404, Mark::AsIs, &[], Size::Exactly(0), Keep),
    ("GET", 500, Mark::AsIs, &[("content-type", PLAIN)], Size::Exactly(5), Keep),
    ("GET", 404, Mark::Both, &[], Size::Exactly(0), Keep),
    ("GET", 600, Mark::Nothing, &[], Size::Exactly(0), Keep),
    // 2 An error, whatever else the response says.
    ("GET", 401, Mark::Error, &[], Size::Exactly(0), FromError),
    ("GET", 404, Mark::Error, &[("content-type", "application/json")], Size::Exactly(80), FromError),
    ("GET", 500, Mark::Error, &[("content-encoding", "gzip")], Size::Unknown, FromError),
    ("GET", 429, Mark::Error, &[("content-type", "text/html")], Size::Exactly(1 << 20), FromError),
    ("HEAD", 403, Mark::Error, &[], Size::Exactly(0), FromError),
    // 3 The application's own.
    ("GET", 400, Mark::Nothing, &[("content-type", "application/json")], Size::Exactly(20), Keep),
    ("GET", 400, Mark::Nothing, &[("content-type", "application/json")], Size::Exactly(0), Keep),
    ("GET", 404, Mark::Nothing, &[("content-type", "text/html; charset=utf-8")], Size::Exactly(9), Keep),
    ("GET", 400, Mark::Nothing, &[("content-type", "text/plain")], Size::Exactly(9), Keep),
    ("GET", 400, Mark::Nothing, &[("content-type", "text/plain; charset=latin1")], Size::Exactly(9), Keep),
    ("GET", 404, Mark::Nothing, &[("content-type", PLAIN), ("content-encoding", "gzip")], Size::Exactly(9), Keep),
    ("GET", 404, Mark::Nothing, &[("content-encoding", "br")], Size::Exactly(0), Keep),
    ("GET", 400, Mark::Nothing, &[("content-type", PLAIN)], Size::Exactly(8 * 1024 + 1), Keep),
    ("GET", 400, Mark::Nothing, &[("content-type", PLAIN)], Size::Unknown, Keep),
    ("GET", 400, Mark::Nothing, &[("content-type", PLAIN)], Size::UpTo(100), Keep),
    ("GET", 502, Mark::Nothing, &[], Size::Unknown, Keep),
    ("GET", 500, Mark::Nothing, &[], Size::Exactly(3), Keep),
    // 4 Nothing but a status.
    ("GET", 404, Mark::Nothing, &[], Size::Exactly(0), FromStatus),
    ("DELETE", 405, Mark::Nothing, &[("allow", "GET,HEAD"), ("content-length", "0")], Size::Exactly(0), FromStatus),
    ("GET", 500, Mark::Nothing, &[], Size::Exactly(0), FromStatus),
    ("OPTIONS", 405, Mark::Nothing, &[], Size::Exactly(0), FromStatus),
    ("GET", 401, Mark::Nothing, &[("www-authenticate", "Basic")], Size::Exactly(0), FromStatus),
    // 5 A short plain text.
    ("POST", 422, Mark::Nothing, &[("content-type", PLAIN)], Size::Exactly(40), FromText),
    ("POST", 400, Mark::Nothing, &[("content-type", "Text/Plain; Charset=UTF-8")], Size::Exactly(40), FromText),
    ("POST", 400, Mark::Nothing, &[("content-type", PLAIN)], Size::Exactly(8 * 1024), FromText),
    ("POST", 400, Mark::Nothing, &[("content-type", PLAIN)], Size::Exactly(0), FromText),
    ("GET", 500, Mark::Nothing, &[("content-type", PLAIN)], Size::Exactly(30), FromText),
    // HEAD has lost its body: its header counts.
    ("HEAD", 404, Mark::Nothing, &[("content-length", "0")], Size::Exactly(0), FromStatus),
    ("HEAD", 404, Mark::Nothing, &[], Size::Exactly(0), FromStatus),
    ("HEAD", 404, Mark::Nothing, &[("content-length", "12")], Size::Exactly(0), Keep),
    ("HEAD", 400, Mark::Nothing, &[("content-type", PLAIN), ("content-length", "12")], Size::Exactly(0), FromText),
    ("HEAD", 400, Mark::Nothing, &[("content-type", PLAIN), ("content-length", "9000")], Size::Exactly(0), Keep),
    ("HEAD", 400, Mark::Nothing, &[("content-type", "text/html")], Size::Exactly(0), Keep),
    ("HEAD", 404, Mark::Nothing, &[("content-length", "many")], Size::Exactly(0), FromStatus),
];

#[test]
fn what_becomes_of_a_response_stands_in_a_table() {
    assert!(TABLE.len() >= 32);
    for row @ (method, status, mark, headers, size, expected) in TABLE {
        let mut response = Response::builder().status(*status);
        for (name, value) in *headers {
            response = response.header(*name, *value);
        }
        let (mut parts, ()) = response.body(()).unwrap().into_parts();
        if matches!(mark, Mark::AsIs | Mark::Both) {
            parts.extensions.insert(AsIs);
        }
        if matches!(mark, Mark::Error | Mark::Both) {
            parts.extensions.insert(ApiError::not_found());
        }
        let mut hint = SizeHint::new();
        match size {
            Size::Exactly(size) => hint.set_exact(*size),
            Size::UpTo(size) => hint.set_upper(*size),
            Size::Unknown => {}
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(decide(&parts, &hint, &method), *expected, "{row:?}");
    }
}

#[test]
fn a_bare_status_has_an_error_of_its_own_status() {
    let table = [
        (400, "invalid_body"),
        (401, "invalid_api_key"),
        (402, "payment_required"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (409, "conflict"),
        (410, "gone"),
        (413, "body_too_large"),
        (415, "unsupported_media_type"),
        (418, "i_m_a_teapot"),
        (422, "invalid_field"),
        (429, "rate_limit_exceeded"),
        (499, "invalid_request"),
        (500, "internal"),
        (501, "internal"),
        (502, "unavailable"),
        (503, "unavailable"),
        (504, "unavailable"),
    ];
    for (status, code) in table {
        let error = by_status(StatusCode::from_u16(status).unwrap());
        assert_eq!((error.status().as_u16(), error.code()), (status, code));
        assert!(error.message().ends_with('.'), "{}", error.message());
    }
}

#[test]
fn a_text_is_the_message_of_a_clients_fault_only() {
    let sentence = ErrorCode::InvalidBody.sentence();
    let internal = ErrorCode::Internal.sentence();
    let table = [
        (400, "Failed to parse", "Failed to parse"),
        (400, "  trimmed\n", "trimmed"),
        (400, " \n", sentence),
        (400, "", sentence),
        (500, "the password is hunter2", internal),
    ];
    for (status, text, message) in table {
        assert_eq!(by_text(StatusCode::from_u16(status).unwrap(), text).message(), message);
    }
    let long = by_text(StatusCode::BAD_REQUEST, &"é".repeat(4_000));
    assert!(long.message().len() <= MAX_MESSAGE + '…'.len_utf8());
}
