//! Holds the floors of the house: a file uses its own floor and those below, nothing above.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test: a panic is its way to fail"
)]

#[path = "layering/source.rs"]
mod source;

use std::collections::HashMap;
use std::path::Path;

use source::Source;

/// The floor of each file below `src`. The longest matching row counts; a row without a `/` at its
/// end is that file or folder and everything in it.
///
/// 0 time and telemetry · 1 plain data · 2 ports · 3 stores, caches, limiters · 4 the keyring's
/// verbs · 5 layers · 6 what knows axum
const FLOORS: &[(&str, u8)] = &[
    ("clock", 0),
    ("unwind", 0),
    ("backoff", 0),
    // Its lines take ids and errors as they are.
    ("telemetry", 1),
    ("store/error", 1),
    ("key", 1),
    ("scope", 1),
    ("principal", 1),
    ("error", 1),
    ("envelope/request_id", 1),
    // Pure: what an answer will become says what it is.
    ("envelope/rule", 1),
    ("idempotency/answer", 1),
    ("idempotency/fingerprint", 1),
    ("idempotency/key", 1),
    ("idempotency/rule", 1),
    // `Principal` holds both.
    ("rate_limit/quota", 1),
    ("rate_limit/plan", 1),
    ("rate_limit/mark", 2),
    ("rate_limit/label", 2),
    ("client_ip", 2),
    ("decision", 2),
    ("tally", 2),
    ("auth/credential", 2),
    ("on_behalf_of/directory", 2),
    ("store", 2),
    ("idempotency/store", 2),
    ("idempotency/conformance", 2),
    ("store/memory", 3),
    ("store/sql", 3),
    ("store/sqlite", 3),
    ("store/postgres", 3),
    ("cache", 3),
    ("rate_limit/bucket", 3),
    ("rate_limit/limiter", 3),
    ("rate_limit/local", 3),
    // On the keys' side of a limit and on the operators'.
    ("rate_limit/attempts", 3),
    ("rate_limit/redis", 3),
    ("idempotency/memory", 3),
    ("idempotency/redis", 3),
    ("keyring", 4),
    ("auth", 5),
    ("rate_limit", 5),
    ("on_behalf_of", 5),
    ("envelope", 5),
    ("idempotency", 5),
    ("extract", 6),
    ("manage", 6),
    ("openapi", 6),
    ("test_util", 6),
    // The crate's root re-exports the paved path and has no logic.
    ("", 6),
];

/// Crates that live in few places, and the rows in which they do.
const CONFINED: &[(&str, &[&str])] = &[
    ("moka", &["cache"]),
    // The slots of hot keys, and a handle that is read far more often than set.
    ("arc_swap", &["cache", "rate_limit/plan"]),
    ("governor", &["rate_limit/bucket"]),
    // Exceptions: the body of an error, and the peer's address as axum hands it over.
    ("axum", &["extract", "manage", "openapi/public", "error/body", "client_ip"]),
    ("aide", &["openapi/aide"]),
    ("schemars", &["openapi/aide"]),
    ("utoipa", &["openapi/utoipa"]),
    (
        "tower",
        &["auth", "rate_limit", "on_behalf_of", "idempotency", "envelope", "manage", "test_util"],
    ),
    ("tower_layer", &["auth", "rate_limit", "on_behalf_of", "idempotency", "envelope", "manage"]),
    ("tracing", &["telemetry"]),
    ("metrics", &["telemetry"]),
    // Keys and ids from the operating system; tokens and jitter of feeds; the number of a node.
    (
        "rand",
        &[
            "key",
            "envelope/request_ids",
            "keyring/feed",
            "keyring/usage",
            "store/sql/watch",
            "backoff",
            // What tells one lease from another.
            "idempotency/store",
        ],
    ),
    ("ulid", &["envelope/request_ids"]),
    // Keys at rest, the operator's password before it is compared, and what operations are known by.
    ("sha2", &["key", "manage/basic_auth", "idempotency/fingerprint"]),
    ("hmac", &["key"]),
    ("crc32fast", &["key"]),
    ("ipnet", &["client_ip"]),
    ("askama", &["manage/page"]),
    ("base64", &["manage"]),
    ("sqlx", &["store/sql", "store/sqlite", "store/postgres"]),
    ("subtle", &["manage"]),
    ("redis", &["rate_limit/redis", "idempotency/redis"]),
];

/// The lowest floor with anything asynchronous.
const ASYNC_FROM: u8 = 2;

#[test]
fn every_file_has_a_floor() {
    let homeless: Vec<_> =
        sources().into_keys().filter(|name| !name.is_empty() && row(name).is_empty()).collect();
    assert!(homeless.is_empty(), "say in FLOORS on which floor these live: {homeless:?}");
}

#[test]
fn every_row_is_a_file_or_a_folder() {
    let sources = sources();
    let rows = CONFINED.iter().flat_map(|(_, rows)| *rows);
    let rows = FLOORS.iter().map(|(row, _)| row).chain(rows);
    let gone: Vec<_> = rows.filter(|row| !sources.contains_key(**row)).collect();
    assert!(gone.is_empty(), "these rows have no file any more: {gone:?}");
}

#[test]
fn arrows_go_down_only() {
    let sources = sources();
    let mut wrong: Vec<_> = sources.values().flat_map(|source| upward(&sources, source)).collect();
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn confined_crates_stay_where_they_are() {
    let mut wrong = Vec::new();
    for source in sources().values() {
        for path in &source.paths {
            let allowed = CONFINED.iter().find(|(name, _)| path.first().is_some_and(|p| p == name));
            if let Some((name, rows)) = allowed
                && !rows.iter().any(|row| is_within(&source.name, row))
            {
                wrong.push(format!("{} uses {name}, which lives in {rows:?}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn plain_data_knows_nothing_asynchronous() {
    let sources = sources();
    let uses_tokio = |source: &&Source| source.paths.iter().any(|path| path[0] == "tokio");
    let wrong: Vec<_> = sources
        .values()
        .filter(|source| floor(&source.name) < ASYNC_FROM)
        .filter(|source| uses_tokio(source) || source.code.contains("async fn"))
        .map(|source| &source.name)
        .collect();
    assert!(wrong.is_empty(), "these floors do not wait: {wrong:?}");
}

/// Deadlines and back-off are tokio's timers: tests pause them.
#[test]
fn only_the_clock_reads_the_clock() {
    let mut wrong = Vec::new();
    for source in sources().values().filter(|source| source.name != "clock") {
        for path in source.paths.iter().map(|path| source.spelled_out(path)) {
            if let [from, .., clock, now] = &path[..]
                && from != "tokio"
                && (clock == "Instant" || clock == "SystemTime")
                && now == "now"
            {
                wrong.push(source.name.clone());
            }
        }
    }
    assert!(wrong.is_empty(), "these should ask a `Clock`: {wrong:?}");
}

#[test]
fn the_reader_follows_groups_parents_and_re_exports() {
    let files = [
        ("lib", "pub use keyring::Keyring; pub use key::{KeyId, format::KeyFormat as Format};"),
        ("keyring/mod", "mod verify; pub use verify::Keyring;"),
        ("keyring/verify", "use crate::{clock, key::KeyId}; pub struct Keyring;"),
        ("key/mod", "mod id; pub mod format; pub use id::KeyId;"),
        ("key/id", "// crate::Keyring\n fn f() { let s = \"crate::Keyring\"; }"),
        ("key/format", "use super::super::Keyring; use crate::Format; fn f(_: crate::KeyId) {}"),
        ("scope/name", "#[cfg(test)] mod tests { use crate::Keyring; } use super::super::Keyring;"),
        ("clock", ""),
    ];
    let sources: HashMap<_, _> = files
        .map(|(file, text)| source::parse(file, text))
        .map(|source| (source.name.clone(), source))
        .into();
    assert_eq!(upward(&sources, &sources["key/id"]), [""; 0]);
    assert_eq!(upward(&sources, &sources["keyring/verify"]), [""; 0]);
    let above = "(floor 1) uses keyring/verify (floor 4)";
    assert_eq!(upward(&sources, &sources["key/format"]), [format!("key/format {above}")]);
    assert_eq!(upward(&sources, &sources["scope/name"]), [format!("scope/name {above}")]);
}

/// The references of a file to floors above its own, as sentences.
fn upward(sources: &HashMap<String, Source>, source: &Source) -> Vec<String> {
    let own = floor(&source.name);
    let targets = source.paths.iter().filter_map(|path| source.absolute(path));
    targets
        .filter_map(|path| source::owner(sources, &path))
        // What is the root's own are macros: `#[macro_export]` puts them there.
        .filter(|target| !target.name.is_empty())
        // A folder's file re-exports what is in the folder.
        .filter(|target| !(source.is_folder && is_within(&target.name, &source.name)))
        .filter(|target| floor(&target.name) > own)
        .map(|target| {
            let (from, to) = (&source.name, &target.name);
            format!("{from} (floor {own}) uses {to} (floor {})", floor(to))
        })
        .collect()
}

fn sources() -> HashMap<String, Source> {
    let sources = source::read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.contains_key(""), "lib.rs was read");
    sources
}

fn floor(name: &str) -> u8 {
    let row = row(name);
    FLOORS.iter().find(|(known, _)| *known == row).map_or(6, |(_, floor)| *floor)
}

/// The longest row that the file is in; empty if there is none.
fn row(name: &str) -> &'static str {
    let rows = FLOORS.iter().map(|(row, _)| *row).filter(|row| is_within(name, row));
    rows.max_by_key(|row| row.len()).unwrap_or("")
}

/// Whether the file is the row's, or lies in the row's folder.
fn is_within(name: &str, row: &str) -> bool {
    row.is_empty()
        || name.strip_prefix(row).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
