//! Keys managed on the command line while the server runs.

use std::process::Output;

use serde_json::json;

use super::{PASSWORD, SERVERS, status_of};
use crate::support::{Place, Process, becomes};

const EXAMPLE: &str = "crypto_checkout";
const PATH: &str = "/api/v1/payment_links";

/// Standard output of a command that succeeds.
async fn done(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(EXAMPLE, arguments).await;
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Issues a key that may read payment links: its id and its text.
async fn issue(place: &Place, name: &str) -> (String, String) {
    let scope = ["--scope", "links:read"];
    let arguments = ["keys", "issue", "--name", name, "--mode", "test"];
    let output = place.run(EXAMPLE, &[&arguments[..], &scope].concat()).await;
    shown_once(&output)
}

/// The id and the text of a key that was just issued. Only the text is on standard output.
fn shown_once(output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(0), "{}", error(output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let key = text.strip_suffix('\n').unwrap().to_owned();
    assert!(key.starts_with("ck_test_") && !key.contains(char::is_whitespace), "{key}");
    let beside = error(output);
    assert!(!beside.contains(&key), "once");
    let id = beside.split_whitespace().rfind(|word| word.starts_with("key_")).unwrap();
    (id.to_owned(), key)
}

async fn server(place: &Place) -> Process {
    place.start(EXAMPLE, PASSWORD).await
}

#[tokio::test]
async fn a_key_issued_there_works_and_revoked_there_does_not() {
    let place = Place::sqlite();
    let process = server(&place).await;
    let (id, key) = issue(&place, "WooCommerce").await;
    assert_eq!(status_of(&process, PATH, &key).await, 200);
    assert_eq!(status_of(&process, "/api/v1/events", &key).await, 403, "its scope");

    let said = done(&place, &["keys", "revoke", &id, "--reason", "leaked"]).await;
    assert!(said.contains(&id) && said.contains("WooCommerce"), "{said}");
    becomes(&401, async || status_of(&process, PATH, &key).await).await;
    assert_eq!(done(&place, &["keys", "revoke", &id]).await, said, "the first one counts");
    let path = format!("/dashboard/api/keys/{id}");
    let shown = super::get(&process, &path).basic_auth("operator", Some(PASSWORD));
    let shown: serde_json::Value = shown.send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["revoked_reason"], "leaked");
}

#[tokio::test]
async fn a_rotation_there_overlaps_or_does_not() {
    let place = Place::sqlite();
    let process = server(&place).await;
    let (id, old) = issue(&place, "WooCommerce").await;
    assert_eq!(status_of(&process, PATH, &old).await, 200);
    let rotate = place.run(EXAMPLE, &["keys", "rotate", &id, "--overlap", "3600"]).await;
    let (id, new) = shown_once(&rotate);
    for key in [&old, &new] {
        assert_eq!(status_of(&process, PATH, key).await, 200, "both, for an hour");
    }
    let rotate = place.run(EXAMPLE, &["keys", "rotate", &id, "--overlap", "0"]).await;
    let (_, newest) = shown_once(&rotate);
    becomes(&401, async || status_of(&process, PATH, &new).await).await;
    assert_eq!(status_of(&process, PATH, &newest).await, 200);
}

#[tokio::test]
async fn the_list_is_a_table_of_all_keys_newest_first() {
    let place = Place::sqlite();
    let empty = done(&place, &["keys", "list"]).await;
    assert_eq!(empty.lines().count(), 1, "its heads: {empty}");
    let process = server(&place).await;
    let (id, key) = issue(&place, "Café \u{2014} till 1").await;
    for _ in 0..3 {
        status_of(&process, PATH, &key).await;
    }
    process.terminate().await;
    process.end(std::time::Duration::from_secs(5)).await;

    let table = done(&place, &["keys", "list"]).await;
    assert!(!table.contains(&key));
    let lines: Vec<Vec<char>> = table.lines().map(|line| line.chars().collect()).collect();
    assert_eq!(lines.len(), 4, "{table}");
    for head in ["NAME", "HINT", "MODE", "SCOPES", "STATUS", "LAST USED", "REQUESTS"] {
        let begin = table.find(head).unwrap();
        for line in &lines {
            assert!(
                line[begin - 1] == ' ' && line[begin] != ' ',
                "{head} is not aligned:\n{table}"
            );
        }
    }
    let newest: String = lines[1].iter().collect();
    for part in [&*id, "Café \u{2014} till 1", &key[..14], "test", "links:read", "active", " 3"] {
        assert!(newest.contains(part), "{part}: {newest}");
    }

    done(&place, &["keys", "revoke", &id]).await;
    for (filter, count) in [
        (["--status", "revoked"], 1),
        (["--status", "active"], 2),
        (["--mode", "test"], 2),
        (["--mode", "live"], 1),
        (["--account", "acct_platform"], 3),
        (["--account", "acct_nobody"], 0),
    ] {
        let table = done(&place, &[&["keys", "list"], &filter[..]].concat()).await;
        assert_eq!(table.lines().count(), 1 + count, "{filter:?}:\n{table}");
    }
}

#[tokio::test]
async fn a_key_has_what_it_was_issued_with() {
    let place = Place::sqlite();
    let plan = ["--plan", "growth", "--account", "acct_bakery", "--expires", "2100-01-01"];
    let issue = ["keys", "issue", "--name", "till", "--mode", "test"];
    let output = place.run("paykore", &[&issue[..], &plan].concat()).await;
    let key = String::from_utf8(output.stdout).unwrap();
    let process = place.start("paykore", PASSWORD).await;
    assert_eq!(status_of(&process, "/v1/wallets", key.trim()).await, 200);
    let listed = super::get(&process, "/dashboard/api/keys?account=acct_bakery");
    let listed = listed.basic_auth("operator", Some(PASSWORD)).send().await.unwrap();
    let listed: serde_json::Value = listed.json().await.unwrap();
    let shown = &listed["data"][0];
    assert_eq!(shown["plan"], "growth");
    assert_eq!(shown["expires_at"], "2100-01-01T00:00:00Z");
    assert_eq!(shown["requests"], json!(1));
}

#[tokio::test]
async fn what_cannot_be_done_is_one_line_and_1() {
    let place = Place::sqlite();
    let (id, _) = issue(&place, "n").await;
    done(&place, &["keys", "revoke", &id]).await;
    let issue = ["keys", "issue", "--mode", "test", "--name"];
    let with = |more: &[&'static str]| [&issue[..], more].concat();
    for (arguments, part) in [
        (vec!["keys", "revoke", "key_none"], "no key with this id"),
        (vec!["keys", "rotate", "key_none", "--overlap", "0"], "no key with this id"),
        (vec!["keys", "rotate", &id, "--overlap", "0"], "revoked"),
        (with(&["n", "--scope", "links:burn"]), "links:burn"),
        (with(&["n", "--plan", "gold"]), "gold"),
        (with(&["n", "--expires", "2001-01-01"]), "future"),
        (with(&[" "]), "name"),
    ] {
        let output = place.run(EXAMPLE, &arguments).await;
        let line = error(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {line}");
        assert!(output.stdout.is_empty() && line.lines().count() == 1, "{line}");
        assert!(line.starts_with("error: ") && line.contains(part), "{part:?}: {line}");
    }
}

#[tokio::test]
async fn wrong_usage_is_2_and_needs_no_database() {
    let place = Place::sqlite();
    for arguments in [
        &["key"][..],
        &["keys"],
        &["keys", "issue", "--name", "n"],
        &["keys", "issue", "--mode", "test"],
        &["keys", "issue", "--name", "n", "--mode", "sandbox"],
        &["keys", "issue", "--name", "n", "--mode", "test", "--expires", "soon"],
        &["keys", "issue", "--name", "n", "--mode", "test", "--scope", "two words"],
        &["keys", "list", "--status", "asleep"],
        &["keys", "revoke"],
        &["keys", "revoke", "no id"],
        &["keys", "rotate", "key_none"],
        &["keys", "rotate", "key_none", "--overlap", "-1"],
    ] {
        let output = place.run(EXAMPLE, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", error(&output));
        assert!(output.stdout.is_empty());
    }
    assert!(!place.folder().path().join("keys.db").exists());
}

#[tokio::test]
async fn help_names_every_variable_and_every_verb() {
    let place = Place::sqlite();
    for (example, more) in
        SERVERS.into_iter().map(|(example, _)| example).zip(["", "HTTPS", "PAYKORE_ENV"])
    {
        let output = place.run(example, &["--help"]).await;
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        let file = format!(".data/{example}.db");
        let all = ["DATABASE_URL", &file, "PORT", "DASHBOARD_PASSWORD", "RUST_LOG"];
        for part in all.into_iter().chain(["TRUSTED_PROXIES", "keys", more]) {
            assert!(text.contains(part), "{example}: {part}\n{text}");
        }
    }
    let output = place.run("pik", &["keys", "issue", "--help"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("[possible values: production, sandbox]"), "{text}");
}
