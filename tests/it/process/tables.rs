//! R4: what the servers keep beside their keys, changed in SQL.

use keygate::{Mode, NewKey};
use serde_json::Value;

use super::{PASSWORD, get, issue, start};
use crate::pik;
use crate::support::{Call, Place, Process, becomes};

fn text(key: &Value) -> &str {
    key["key"].as_str().unwrap()
}

/// The status that a key's request in the name of an account gets.
async fn acting(process: &Process, path: &str, key: &Value, account: &str) -> u16 {
    let call = get(process, path).bearer_auth(text(key)).header("x-on-behalf-of", account);
    call.send().await.unwrap().status().as_u16()
}

/// What the key's plan admits.
async fn limit(process: &Process, key: &Value) -> String {
    let answer = get(process, "/v1/wallets").bearer_auth(text(key)).send().await.unwrap();
    answer.headers()["x-ratelimit-limit"].to_str().unwrap().to_owned()
}

async fn accounts_changed_in_sql_are_felt_by_every_instance(place: &Place, emptying: &str) {
    let nodes = [place.start("pik", PASSWORD).await, place.start("pik", PASSWORD).await];
    let key = issue(&nodes[0], "pik").await;
    for (statement, wallet, links) in [
        ("SELECT 1", 200, 200),
        ("UPDATE pik_accounts SET verified = FALSE WHERE id = 'acct_bakery'", 403, 403),
        ("UPDATE pik_accounts SET verified = TRUE WHERE id = 'acct_bakery'", 200, 200),
        ("UPDATE pik_accounts SET capabilities = 'wallet:read' WHERE id = 'acct_bakery'", 200, 403),
        ("UPDATE pik_accounts SET platform = 'acct_other_platform'", 403, 403),
        ("UPDATE pik_accounts SET platform = 'acct_platform'", 200, 403),
        ("UPDATE pik_accounts SET id = 'acct_baker' WHERE id = 'acct_bakery'", 403, 403),
        ("UPDATE pik_accounts SET id = 'acct_bakery' WHERE id = 'acct_baker'", 200, 403),
        ("DELETE FROM pik_accounts WHERE id = 'acct_bakery'", 403, 403),
        (
            "INSERT INTO pik_accounts (id, platform, verified, capabilities) \
             VALUES ('acct_bakery', 'acct_platform', TRUE, 'payment_links:read')",
            403,
            200,
        ),
        (emptying, 403, 403),
        (
            "INSERT INTO pik_accounts (id, platform, verified, capabilities) \
             VALUES ('acct_bakery', 'acct_platform', TRUE, '\"wallet\"')",
            503,
            503,
        ),
    ] {
        place.sql(statement).await;
        for node in &nodes {
            for (path, status) in [("/v1/wallet", wallet), ("/v1/payment-links", links)] {
                let ask = async || (statement, acting(node, path, &key, "acct_bakery").await);
                becomes(&(statement, status), ask).await;
            }
        }
    }
}

async fn plans_changed_in_sql_are_felt_by_every_instance(place: &Place, emptying: &str) {
    let nodes = [place.start("paykore", PASSWORD).await, place.start("paykore", PASSWORD).await];
    let issue = ["keys", "issue", "--name", "n", "--mode", "test", "--plan", "growth"];
    let issued = place.run("paykore", &issue).await;
    let key = serde_json::json!({ "key": String::from_utf8(issued.stdout).unwrap().trim() });
    for (statement, expected) in [
        ("SELECT 1", "1000"),
        ("UPDATE paykore_plans SET per_minute = 70 WHERE name = 'growth'", "70"),
        ("DELETE FROM paykore_plans WHERE name = 'growth'", "300"),
        ("INSERT INTO paykore_plans (name, per_minute) VALUES ('growth', 80)", "80"),
        // Not a name: the plans of before hold until it is gone.
        ("INSERT INTO paykore_plans (name, per_minute) VALUES ('two words', 90)", "80"),
        ("UPDATE paykore_plans SET name = 'grown' WHERE name = 'two words'", "80"),
        (emptying, "300"),
    ] {
        place.sql(statement).await;
        for node in &nodes {
            let ask = async || (statement, limit(node, &key).await);
            becomes(&(statement, expected.to_owned()), ask).await;
        }
    }
}

#[tokio::test]
async fn r4_in_sqlite_accounts_changed_in_sql_are_felt_by_every_instance() {
    let emptying = "DELETE FROM pik_accounts";
    accounts_changed_in_sql_are_felt_by_every_instance(&Place::sqlite(), emptying).await;
}

#[tokio::test]
async fn r4_in_postgres_accounts_changed_in_sql_are_felt_by_every_instance() {
    let Some(place) = Place::postgres().await else { return };
    accounts_changed_in_sql_are_felt_by_every_instance(&place, "TRUNCATE pik_accounts").await;
}

#[tokio::test]
async fn r4_in_sqlite_plans_changed_in_sql_are_felt_by_every_instance() {
    let emptying = "DELETE FROM paykore_plans";
    plans_changed_in_sql_are_felt_by_every_instance(&Place::sqlite(), emptying).await;
}

#[tokio::test]
async fn r4_in_postgres_plans_changed_in_sql_are_felt_by_every_instance() {
    let Some(place) = Place::postgres().await else { return };
    plans_changed_in_sql_are_felt_by_every_instance(&place, "TRUNCATE paykore_plans").await;
}

#[tokio::test]
async fn p5_the_accounts_of_a_new_table_are_those_that_the_app_is_tested_with() {
    let process = start("pik", "info").await;
    let key = issue(&process, "pik").await;
    let app = pik::server();
    let same = app.issue(NewKey::named("n").mode(Mode::Test).scopes(pik::all_scopes())).await;
    for account in ["platform", "bakery", "florist", "newcomer", "stranger", "nobody"] {
        let account = format!("acct_{account}");
        let asked = get(&process, "/v1/wallet").bearer_auth(text(&key));
        let asked = asked.header("x-on-behalf-of", &account).send().await.unwrap();
        let call: Call = pik::wallet(same.key().expose()).header("x-on-behalf-of", &*account);
        let tested = app.send(call).await;
        assert_eq!(asked.status().as_u16(), tested.status, "{account}");
        let mut bodies: [Value; 2] = [asked.json().await.unwrap(), tested.json()];
        for body in &mut bodies {
            // Each request has its own.
            body.as_object_mut().unwrap().remove("request_id");
        }
        assert_eq!(bodies[0], bodies[1], "{account}");
    }
}
