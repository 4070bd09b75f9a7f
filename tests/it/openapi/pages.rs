//! The page that shows a document: everything about it comes from the server itself.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::services;
use crate::support::get;

#[tokio::test]
async fn the_reference_page_needs_no_key_and_nothing_from_elsewhere() {
    for service in services() {
        let page = get("/docs").send(&service.server.app).await.expect(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let html = std::str::from_utf8(&page.body).unwrap();
        assert!(html.contains(r#"Redoc.init("/openapi.json""#), "{}", service.name);
        // Whatever loads by itself when a browser opens it.
        for tag in ["<link", "<img", "<iframe", "src=\"http", "@import", "cdn.redoc.ly"] {
            let before_the_program = html.split("<script>").next().unwrap();
            assert!(!before_the_program.contains(tag), "{tag} of {}", service.name);
        }
        assert!(!html.contains("cdn.redoc.ly"), "{}", service.name);

        // And the browser is told to load nothing else.
        let policy = page.header("content-security-policy");
        let script = html.split_once("<script>").unwrap().1.rsplit_once("</script>").unwrap().0;
        let hash = BASE64_STANDARD.encode(Sha256::digest(script));
        assert!(policy.contains(&format!("script-src 'sha256-{hash}'")), "{policy}");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("http"), "{policy}");
    }
}

#[tokio::test]
async fn the_reference_may_be_kept_for_a_while_and_is_what_it_says() {
    for service in services() {
        for path in ["/docs", "/openapi.json"] {
            let answer = get(path).send(&service.server.app).await.expect(200);
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("cache-control"), "public, max-age=300", "{path}");
        }
    }
}
