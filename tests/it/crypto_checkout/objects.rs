//! The endpoints' own behaviour: objects, their lists, what a body may hold, the events it leaves.

use keygate::Mode;
use serde_json::{Value, json};

use super::{any_key, create, id, link, list, retrieve, server};
use crate::support::{Server, delete, patch, post};

fn hook() -> Value {
    json!({ "url": "https://example.com/h", "events": ["session.completed"] })
}

/// The types of the events there are, oldest first.
async fn events(server: &Server, key: &str) -> Vec<String> {
    let listed = list(server, "events", key).await.expect(200).json();
    let types = listed["data"].as_array().unwrap().iter().rev();
    types.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn c8_every_object_has_an_id_a_type_a_mode_and_a_time() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let key = key.key().expose();
    for (what, object, body) in [
        ("payment_links", "payment_link", link()),
        ("checkout_sessions", "checkout_session", link()),
        ("webhooks", "webhook", hook()),
        ("customers", "customer", json!({ "email": "a@example.com", "name": "Ann" })),
    ] {
        let made = create(&server, what, body.clone(), key).await.expect(201).json();
        assert_eq!(made["object"], object);
        assert_eq!(made["livemode"], false);
        assert_eq!(made["created_at"], "2024-06-01T00:00:00Z");
        for (field, value) in body.as_object().unwrap() {
            assert_eq!(&made[field], value, "{what}");
        }
        assert_eq!(retrieve(&server, what, id(&made), key).await.expect(200).json(), made);
        let second = create(&server, what, body, key).await.expect(201).json();
        let listed = list(&server, what, key).await.expect(200).json();
        assert_eq!(listed, json!({ "data": [second, made] }), "newest first");
    }
    let event = list(&server, "events", key).await.json()["data"][0].clone();
    assert_eq!(event["object"], "event");
    assert_eq!(retrieve(&server, "events", id(&event), key).await.expect(200).json(), event);
}

#[tokio::test]
async fn c4_what_a_body_may_not_hold_is_422_and_named() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let key = key.key().expose();
    let amount = |amount: Value| json!({ "amount": amount, "currency": "USDT" });
    let url = |url: &str| json!({ "url": url, "events": ["session.completed"] });
    let cases = [
        ("payment_links", "amount", amount(json!("-1"))),
        ("payment_links", "amount", amount(json!("0.00"))),
        ("payment_links", "amount", amount(json!("1e3"))),
        ("payment_links", "amount", amount(json!(""))),
        ("payment_links", "amount", amount(json!(100))),
        ("payment_links", "amount", amount(Value::Null)),
        ("payment_links", "amount", json!({ "currency": "USDT" })),
        ("payment_links", "currency", json!({ "amount": "1" })),
        ("payment_links", "currency", json!({ "amount": "1", "currency": "usdt" })),
        ("payment_links", "tip", json!({ "amount": "1", "currency": "USDT", "tip": 1 })),
        ("checkout_sessions", "amount", amount(json!("x"))),
        (
            "checkout_sessions",
            "livemode",
            json!({ "amount": "1", "currency": "USDT", "livemode": true }),
        ),
        ("webhooks", "url", url("http://example.com")),
        ("webhooks", "url", url("https://")),
        ("webhooks", "events", json!({ "url": "https://example.com/h" })),
        ("webhooks", "events", json!({ "url": "https://example.com/h", "events": [] })),
        ("webhooks", "events[0]", json!({ "url": "https://example.com/h", "events": ["x"] })),
        ("customers", "email", json!({ "email": "nobody" })),
        ("customers", "name", json!({ "email": "a@example.com", "name": "" })),
    ];
    for (what, field, body) in cases {
        let answer = create(&server, what, body.clone(), key).await.expect(422);
        let error = &answer.json()["error"];
        assert_eq!(error["type"], "invalid_request", "{body}");
        assert_eq!(error["code"], "invalid_field", "{body}");
        assert!(error["message"].as_str().unwrap().contains(field), "{body}: {error}");
        let listed = list(&server, what, key).await.json();
        assert_eq!(listed, json!({ "data": [] }), "{body} was kept");
    }
    assert_eq!(events(&server, key).await, [""; 0]);
    for body in [json!([]), json!("x"), json!(1), Value::Null] {
        create(&server, "payment_links", body, key).await.expect(422);
    }
}

#[tokio::test]
async fn every_change_leaves_an_event() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let key = key.key().expose();
    let made = create(&server, "payment_links", link(), key).await.json();
    let path = format!("/api/v1/payment_links/{}", id(&made));
    let update = json!({ "amount": "7.50" });
    let updated = server.send(patch(&path).json(update).bearer(key)).await.expect(200).json();
    assert_eq!((&updated["amount"], &updated["currency"]), (&json!("7.50"), &json!("USDT")));
    server.send(post(&format!("{path}/archive")).bearer(key)).await.expect(200);
    create(&server, "checkout_sessions", link(), key).await.expect(201);
    let made = create(&server, "webhooks", hook(), key).await.json();
    let path = format!("/api/v1/webhooks/{}", id(&made));
    server.send(post(&format!("{path}/test")).bearer(key)).await.expect(200);
    server.send(delete(&path).bearer(key)).await.expect(200);
    let buyer = create(&server, "customers", json!({ "email": "a@example.com" }), key).await.json();
    let path = format!("/api/v1/customers/{}", id(&buyer));
    let update = json!({ "name": "Ann" });
    server.send(patch(&path).json(update).bearer(key)).await.expect(200);
    let expected = [
        "link.created",
        "link.updated",
        "link.archived",
        "session.created",
        "webhook.created",
        "webhook.test",
        "webhook.deleted",
        "customer.created",
        "customer.updated",
    ];
    assert_eq!(events(&server, key).await, expected);
}

#[tokio::test]
async fn delete_and_archive_both_archive_a_link_once() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let key = key.key().expose();
    for by_delete in [true, false] {
        let made = create(&server, "payment_links", link(), key).await.json();
        let path = format!("/api/v1/payment_links/{}", id(&made));
        let archive = || if by_delete { delete(&path) } else { post(&format!("{path}/archive")) };
        let archived = server.send(archive().bearer(key)).await.expect(200).json();
        assert_eq!(archived["status"], "archived");
        let again = server.send(archive().bearer(key)).await.expect(200).json();
        assert_eq!(again, archived);
        let found = retrieve(&server, "payment_links", id(&made), key).await.expect(200).json();
        assert_eq!(found, archived);
        server.send(patch(&path).json(json!({ "amount": "1" })).bearer(key)).await.expect(409);
    }
    let expected = ["link.created", "link.archived", "link.created", "link.archived"];
    assert_eq!(events(&server, key).await, expected);
}

#[tokio::test]
async fn a_deleted_webhook_is_gone() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    let key = key.key().expose();
    let made = create(&server, "webhooks", hook(), key).await.json();
    let path = format!("/api/v1/webhooks/{}", id(&made));
    server.send(delete(&path).bearer(key)).await.expect(200);
    server.send(delete(&path).bearer(key)).await.expect(404);
    retrieve(&server, "webhooks", id(&made), key).await.expect(404);
    server.send(post(&format!("{path}/test")).bearer(key)).await.expect(404);
}
