use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Order {
    amount: u32,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    method: Method,
    #[serde(default)]
    labels: BTreeMap<String, bool>,
    #[serde(default)]
    pair: Option<(u8, i64)>,
    #[serde(default)]
    ratio: f64,
    #[serde(default)]
    wrapped: Wrapped,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Item {
    price: Price,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
struct Price(u64);

impl TryFrom<String> for Price {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| "must be a whole number in a string")
    }
}

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Wrapped(u8);

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Method {
    #[default]
    Cash,
    Card {
        number: String,
    },
    Note(u8),
    Split(u8, u8),
}

fn refused(body: &str) -> (u16, String) {
    let error = Json::<Order>::from_bytes(body.as_bytes()).err().unwrap();
    (error.status().as_u16(), error.message().to_owned())
}

#[test]
fn a_field_that_is_wrong_is_named_with_its_path() {
    #[rustfmt::skip]
    let table = [
        (r"{}", "amount: is required"),
        (r#"{"amount":-1}"#, "amount: must be a whole number of 0 or more"),
        (r#"{"amount":1.5}"#, "amount: must be a whole number of 0 or more, not a fraction"),
        (r#"{"amount":5000000000}"#, "amount: must be a whole number of 0 or more"),
        (r#"{"amount":"ck_live_secret"}"#, "amount: must be a whole number of 0 or more, not a string"),
        (r#"{"amount":null}"#, "amount: must be a whole number of 0 or more, not null"),
        (r#"{"amount":1,"amount":2}"#, "amount: is given twice"),
        (r#"{"amount":1,"sum":2}"#, "sum: is not a known field"),
        (r#"{"amount":1,"note":{}}"#, "note: must be a string, not an object"),
        (r#"{"amount":1,"items":[{"price":"1"},{}]}"#, "items[1].price: is required"),
        (r#"{"amount":1,"items":[{"price":"x"}]}"#, "items[0].price: must be a whole number in a string"),
        (r#"{"amount":1,"items":[{"price":"1","items":1}]}"#, "items[0].items: is not a known field"),
        (r#"{"amount":1,"items":{}}"#, "items: must be an array, not an object"),
        (r#"{"amount":1,"items":[7]}"#, "items[0]: must be an object, not an integer"),
        (r#"{"amount":1,"method":"gold"}"#, "method: must be one of `cash`, `card`, `note`, `split`"),
        (r#"{"amount":1,"method":{"card":{}}}"#, "method.card.number: is required"),
        (r#"{"amount":1,"method":{"note":"x"}}"#, "method.note: must be a whole number of 0 or more, not a string"),
        (r#"{"amount":1,"method":7}"#, "method: must be a string or an object with one field, not an integer"),
        (r#"{"amount":1,"method":{}}"#, "method: must be a string or an object with one field"),
        (r#"{"amount":1,"labels":{"a":1}}"#, "labels.a: must be a boolean, not an integer"),
        (r#"{"amount":1,"pair":[1,2,3]}"#, "pair: must be a shorter array, not of length 3"),
        (r#"{"amount":1,"pair":[1]}"#, "pair: must be an array, not of length 1"),
        (r#"{"amount":1,"pair":[1,"x"]}"#, "pair[1]: must be a whole number, not a string"),
        ("[]", "body: must be an object, not an array"),
        (r#"{"amount":1,"method":{"card":["1"]}}"#, "method.card: must be an object, not an array"),
        ("7", "body: must be an object, not an integer"),
        ("null", "body: must be an object, not null"),
    ];
    for (body, message) in table {
        assert_eq!(refused(body), (422, message.to_owned()), "{body}");
    }
}

#[test]
fn a_body_that_is_no_json_is_400_before_any_field_is_judged() {
    let deep = "[".repeat(10_000);
    let bodies =
        ["", " ", "{", r#"{"sum":1"#, r#"{"amount":"x",}"#, "{} {}", "nul", "\u{feff}{}", &deep];
    for body in bodies {
        let (status, message) = refused(body);
        assert_eq!(status, 400, "{body}");
        assert!(message.starts_with("The body is not valid JSON at line 1, column "), "{message}");
    }
    assert_eq!(Json::<Order>::from_bytes(b"{\"note\":\"\xff\"}").err().unwrap().status(), 400);
}

#[test]
fn what_was_sent_is_not_repeated_at_length() {
    let name = "n".repeat(10_000);
    let (_, message) = refused(&format!("{{\"{name}\":1}}"));
    assert!(message.len() < 120, "{}", message.len());
    let (_, message) = refused(&format!(r#"{{"amount":1,"method":"{name}"}}"#));
    assert!(!message.contains("nnn"), "{message}");
}

#[test]
fn s1_a_key_in_the_place_of_a_fields_name_is_not_repeated() {
    let key = concat!("ck_", "live_", "0123456789ABCDEFGHIJKLMNOPQRSTUV");
    let (_, message) = refused(&format!("{{\"{key}\":1}}"));
    assert_eq!(message, "[redacted]: is not a known field");
}

#[test]
fn good_bodies_are_read_as_serde_json_reads_them() {
    let bodies = [
        json!({"amount": 1}),
        json!({"amount": 4_294_967_295_u32, "note": null, "pair": [255, -9_007_199_254_740_993_i64]}),
        json!({"amount": 0, "items": [{"price": "18446744073709551615"}], "wrapped": 3}),
        json!({"amount": 1, "method": "cash", "ratio": 1}),
        json!({"amount": 1, "method": {"card": {"number": "\u{1F511}\n"}}, "ratio": 0.1}),
        json!({"amount": 1, "method": {"note": 2}, "labels": {"a": true, "b": false}}),
        json!({"amount": 1, "method": {"split": [1, 2]}}),
    ];
    for body in bodies {
        let text = body.to_string();
        let read = Json::<Order>::from_bytes(text.as_bytes()).map(|order| order.0);
        let expected: Order = serde_json::from_str(&text).unwrap();
        assert_eq!(read.unwrap(), expected, "{text}");
    }
}

#[test]
fn any_json_can_be_read_as_a_value() {
    let value = json!({"a": [null, true, -1, 1.5, "x", {}], "b": {"c": u64::MAX}});
    let read = Json::<serde_json::Value>::from_bytes(value.to_string().as_bytes());
    assert_eq!(read.unwrap().0, value);
}

#[test]
fn content_types_of_json_are_known() {
    let table = [
        ("application/json", true),
        ("Application/JSON; charset=utf-8", true),
        ("application/problem+json", true),
        ("application/json-patch", false),
        ("text/json", false),
        ("text/plain", false),
        ("", false),
    ];
    for (content_type, expected) in table {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
        assert_eq!(is_json(&headers), expected, "{content_type}");
    }
    assert!(!is_json(&HeaderMap::new()));
}

#[tokio::test]
async fn an_optional_body_is_none_only_without_a_content_type() {
    async fn optional(content_type: Option<&str>, body: &'static str) -> Result<bool, u16> {
        let mut request = http::Request::builder();
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let request = request.body(axum::body::Body::from(body)).unwrap();
        <Json<Order> as OptionalFromRequest<()>>::from_request(request, &())
            .await
            .map(|order| order.is_some())
            .map_err(|error| error.status().as_u16())
    }
    assert_eq!(optional(None, "").await, Ok(false));
    assert_eq!(optional(Some("application/json"), r#"{"amount":1}"#).await, Ok(true));
    assert_eq!(optional(Some("application/json"), "").await, Err(400));
    assert_eq!(optional(Some("text/plain"), "").await, Err(415));
}

#[test]
fn as_a_response_it_is_json_and_a_value_that_is_none_is_500() {
    let fine = Json(json!({"a": 1})).into_response();
    assert_eq!(fine.headers()[CONTENT_TYPE], "application/json");
    let broken = Json(BTreeMap::from([((1, 2), 3)])).into_response();
    assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(broken.extensions().get::<ApiError>().is_some());
}
