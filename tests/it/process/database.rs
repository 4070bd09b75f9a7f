//! What `DATABASE_URL` names: a good database, none, and all that can be wrong with one.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{PASSWORD, SERVERS, status_of};
use crate::support::{Folder, Place, Process};

/// What is wrong with a server that does not start: one line, and 1.
async fn refusal(folder: &Folder, url: &str, arguments: &[&str]) -> String {
    let environment = [("DATABASE_URL", url)];
    let output = Process::run(folder, "pik", &environment, arguments).await;
    assert_eq!(output.status.code(), Some(1), "{url}");
    let text = String::from_utf8(output.stderr).unwrap();
    let [line] = text.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {text}") };
    assert!(line.starts_with("error: ") && line.contains("DATABASE_URL"), "{line}");
    for ugly in ["hush", "Error(", "Error {", "Some(", "panicked"] {
        assert!(!line.contains(ugly), "{line}");
    }
    line.to_owned()
}

#[tokio::test]
async fn what_is_no_database_is_told_in_one_line() {
    let folder = Folder::new();
    std::fs::write(folder.file("text.db"), "this is no database, ".repeat(1_000)).unwrap();
    let file = |name: &str| format!("sqlite://{}", folder.file(name));
    for (url, part) in [
        ("mysql://root:hush@127.0.0.1/keys".to_owned(), "neither `sqlite:` nor `postgres:`"),
        ("keys.db".to_owned(), "neither `sqlite:` nor `postgres:`"),
        ("sqlite://".to_owned(), "no file"),
        (file("text.db"), "not a database"),
        (file("text.db/keys.db"), "text.db"),
        (file("none.db?mode=ro"), "unable to open"),
        ("postgres://me:hush@127.0.0.1:1/keys".to_owned(), "refused"),
        ("postgres://me:hush@127.0.0.1:port/keys".to_owned(), "port"),
        ("postgresql://me:hush@[::1/keys".to_owned(), "IPv6"),
    ] {
        for arguments in [&[][..], &["keys", "list"]] {
            let line = refusal(&folder, &url, arguments).await;
            assert!(line.contains(part), "{part:?} is not in {line}");
        }
    }
    assert!(!folder.path().join("none.db").exists());
}

#[tokio::test]
async fn a_newer_schema_and_a_file_that_cannot_be_written_are_told_in_one_line() {
    let place = Place::sqlite();
    drop(place.start("pik", PASSWORD).await);
    let newer = "UPDATE keygate_schema SET version = 1000, oldest_reader = 1000";
    place.sql(newer).await;
    let line = refusal(place.folder(), place.url(), &[]).await;
    assert!(line.contains("1000"), "{line}");

    let empty = place.folder().file("empty.db");
    std::fs::write(&empty, "").unwrap();
    let line = refusal(place.folder(), &format!("sqlite://{empty}?mode=ro"), &[]).await;
    assert!(line.to_lowercase().contains("read"), "{line}");
}

#[tokio::test]
async fn unless_set_it_is_a_file_below_the_working_directory() {
    for (example, _) in SERVERS {
        let folder = Folder::new();
        for environment in [&[][..], &[("DATABASE_URL", "")]] {
            let process = Process::start_in(&folder, example, environment).await;
            process.terminate().await;
            let (_, lines) = process.end(Duration::from_mins(1)).await;
            let printed = lines.iter().any(|line| line.contains("shown only now"));
            assert_eq!(printed, environment.is_empty(), "{example}: once");
        }
        assert!(folder.path().join(format!(".data/{example}.db")).is_file());
    }
}

async fn three_at_once_print_one_set_of_keys(place: &Place, (example, path): (&str, &str)) {
    let start = || place.start(example, PASSWORD);
    let (a, b, c) = tokio::join!(start(), start(), start());
    let nodes = [a, b, c];
    let mut shown = Vec::new();
    for node in &nodes {
        for line in node.lines() {
            shown.extend(line.split("shown only now: ").nth(1).map(str::to_owned));
        }
    }
    let names: BTreeSet<_> = shown.iter().collect();
    assert_eq!((shown.len(), names.len()), (2, 2), "{example}: each by one of them");
    for key in &shown {
        for node in &nodes {
            let answered = status_of(node, path, key).await;
            assert_eq!(answered, 200, "{example}");
        }
    }
}

#[tokio::test]
async fn in_sqlite_three_at_once_print_one_set_of_keys() {
    for server in SERVERS {
        three_at_once_print_one_set_of_keys(&Place::sqlite(), server).await;
    }
}

#[tokio::test]
async fn in_postgres_three_at_once_print_one_set_of_keys() {
    for server in SERVERS {
        let Some(place) = Place::postgres().await else { return };
        three_at_once_print_one_set_of_keys(&place, server).await;
    }
}
