//! C8: live and test objects know nothing of each other, nor do accounts.

use keygate::{AccountId, Mode, NewKey};
use serde_json::{Value, json};

use super::{all_scopes, any_key, create, id, link, list, retrieve, server};
use crate::support::{Answer, Server, delete, patch, post};

const HOOK: &str = r#"{"url":"https://example.com/h","events":["session.completed"]}"#;

/// The collections whose objects are made by a request, and a body for each.
fn kinds() -> [(&'static str, Value); 4] {
    [
        ("checkout_sessions", link()),
        ("payment_links", link()),
        ("webhooks", serde_json::from_str(HOOK).unwrap()),
        ("customers", json!({ "email": "a@example.com" })),
    ]
}

/// What a stranger to an object may learn of it: what he may learn of one that is not there.
async fn is_invisible(server: &Server, what: &str, object: &str, key: &str) {
    let unknown = retrieve(server, what, "x_doesnotexist", key).await.expect(404);
    let hidden = retrieve(server, what, object, key).await.expect(404);
    assert_eq!(without_id(&hidden), without_id(&unknown), "{what}");
    let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&hidden), names(&unknown));
    let listed = list(server, what, key).await.expect(200).json();
    let listed = listed["data"].as_array().unwrap();
    assert!(listed.iter().all(|found| id(found) != object), "{what} is listed");
}

fn without_id(answer: &Answer) -> Value {
    let mut body = answer.json();
    body["error"]["requestId"].take();
    body
}

#[tokio::test]
async fn c8_live_and_test_are_fully_isolated() {
    let server = server();
    let [live, test] = [any_key(&server, Mode::Live).await, any_key(&server, Mode::Test).await];
    for (own, other, livemode) in [(&live, &test, true), (&test, &live, false)] {
        let (own, other) = (own.key().expose(), other.key().expose());
        for (what, body) in kinds() {
            let made = create(&server, what, body, own).await.expect(201).json();
            assert_eq!(made["livemode"], livemode, "{what}");
            assert_eq!(retrieve(&server, what, id(&made), own).await.expect(200).json(), made);
            is_invisible(&server, what, id(&made), other).await;
        }
        let event = list(&server, "events", own).await.json()["data"][0].clone();
        assert_eq!(event["livemode"], livemode);
        is_invisible(&server, "events", id(&event), other).await;
    }
}

#[tokio::test]
async fn c8_nothing_of_the_other_mode_can_be_changed() {
    let server = server();
    let [live, test] = [any_key(&server, Mode::Live).await, any_key(&server, Mode::Test).await];
    let (live, test) = (live.key().expose(), test.key().expose());
    let made = create(&server, "payment_links", link(), live).await.json();
    let path = format!("/api/v1/payment_links/{}", id(&made));
    for call in [
        patch(&path).json(json!({ "amount": "1" })),
        delete(&path),
        post(&format!("{path}/archive")),
    ] {
        server.send(call.bearer(test)).await.expect(404);
    }
    assert_eq!(retrieve(&server, "payment_links", id(&made), live).await.json(), made);
    let events = list(&server, "events", test).await.json();
    assert_eq!(events["data"], json!([]), "a refused change leaves no event");

    let hook = kinds()[2].1.clone();
    let hook = create(&server, "webhooks", hook, live).await.json();
    let path = format!("/api/v1/webhooks/{}", id(&hook));
    server.send(delete(&path).bearer(test)).await.expect(404);
    server.send(post(&format!("{path}/test")).bearer(test)).await.expect(404);
    retrieve(&server, "webhooks", id(&hook), live).await.expect(200);

    let buyer = create(&server, "customers", kinds()[3].1.clone(), live).await.json();
    let path = format!("/api/v1/customers/{}", id(&buyer));
    let change = json!({ "email": "b@example.com" });
    server.send(patch(&path).json(change).bearer(test)).await.expect(404);
    assert_eq!(retrieve(&server, "customers", id(&buyer), live).await.json(), buyer);
}

#[tokio::test]
async fn c8_objects_belong_to_the_account_too() {
    let server = server();
    let of = |account: &'static str| {
        NewKey::named(account).account(AccountId::from_static(account)).scopes(all_scopes())
    };
    let ours = server.issue(of("acct_ours")).await;
    let also_ours = server.issue(of("acct_ours")).await;
    let theirs = server.issue(of("acct_theirs")).await;
    for (what, body) in kinds() {
        let made = create(&server, what, body, ours.key().expose()).await.expect(201).json();
        let found = retrieve(&server, what, id(&made), also_ours.key().expose()).await.expect(200);
        assert_eq!(found.json(), made, "an account has its objects, whatever the key");
        is_invisible(&server, what, id(&made), theirs.key().expose()).await;
    }
}

#[tokio::test]
async fn c8_ids_are_random() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        let made = create(&server, "payment_links", link(), key.key().expose()).await.json();
        ids.push(id(&made).to_owned());
    }
    let made_in_order = ids.clone();
    ids.sort();
    assert_ne!(ids, made_in_order, "they are not counted");
    ids.dedup();
    assert_eq!(ids.len(), 20);
    assert!(ids.iter().all(|id| id.len() >= "plink_".len() + 20), "{ids:?}");
}
