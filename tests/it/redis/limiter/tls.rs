//! `rediss://`: TLS, with certificates that are checked.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::redis::{Server, ask};
use crate::support::throwaway::{directory, free_port, skip, write_as_server};
use crate::support::{Folder, Process};

/// A server's certificate for 127.0.0.1, its key, and who signed it, as files of a folder.
fn certificates(folder: &Folder) -> Option<()> {
    let openssl = |words: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args(words.split(' ')).current_dir(folder.path()).stderr(Stdio::null());
        openssl.status().is_ok_and(|status| status.success())
    };
    std::fs::write(folder.file("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    let made = openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca -days 2 -subj /CN=ca",
    ) && openssl("req -newkey rsa:2048 -nodes -keyout key -out request -subj /CN=redis")
        && openssl(
            "x509 -req -in request -CA ca -CAkey ca.key -CAcreateserial -days 2 -extfile names -out \
             certificate",
        );
    if made { Some(()) } else { skip("no openssl") }
}

#[tokio::test]
async fn certificates_are_those_of_the_system_and_always_checked() {
    let folder = Folder::new();
    if certificates(&folder).is_none() {
        return;
    }
    let (place, port) = (directory("tls"), free_port());
    for file in ["ca", "key", "certificate"] {
        let text = std::fs::read_to_string(folder.file(file)).unwrap();
        write_as_server(&place.join(file), &text);
    }
    let at = |file: &str| Path::new(&place).join(file).display().to_string();
    let settings = [
        format!("tls-port {port}"),
        format!("tls-cert-file {}", at("certificate")),
        format!("tls-key-file {}", at("key")),
        format!("tls-ca-cert-file {}", at("ca")),
        "tls-auth-clients no".to_owned(),
    ];
    let Some(server) = Server::start_with(&settings.each_ref().map(String::as_str)).await else {
        return;
    };
    let plain = server.url();
    let (user, _) = plain.rsplit_once('@').unwrap();
    let url = format!("{}@127.0.0.1:{port}", user.replace("redis://", "rediss://"));
    let probes = async || -> Vec<String> { ask(&plain, &["SCRIPT", "EXISTS", &sha()]).await };

    // Nobody that this process trusts has signed it.
    let stranger = [("REDIS_URL", &*url), ("SSL_CERT_FILE", "/dev/null")];
    let process = Process::start("paykore", &stranger).await;
    let line = process.line("the limiter's Redis was lost").await;
    assert!(line.contains("no connection to Redis"), "{line}");
    assert_eq!(probes().await, ["0"]);

    let authority = folder.file("ca");
    let friend = [("REDIS_URL", &*url), ("SSL_CERT_FILE", &*authority)];
    let process = Process::start("paykore", &friend).await;
    assert_eq!(probes().await, ["1"]);
    assert!(process.lines().iter().all(|line| !line.contains("lost")), "{:#?}", process.lines());
    let _ = std::fs::remove_dir_all(&place);
}

/// What Redis calls the limiter's script.
fn sha() -> String {
    redis::Script::new(include_str!("../../../../src/rate_limit/redis/gcra.lua")).get_hash().into()
}
