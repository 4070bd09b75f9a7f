//! The rows of PIK.

mod authentication;
mod connected_accounts;
mod errors;
mod https;
mod keys;

use keygate::{IssuedKey, Mode, NewKey};
use serde_json::{Value, json};

use crate::apps::pik as app;
use crate::support::{Answer, Call, OPERATOR, Server, get, post};

/// The one network whose word on HTTPS counts.
const PROXIES: &str = "10.0.0.0/8";

pub(crate) fn server() -> Server {
    Server::new(
        |store| app::keyring(store).unwrap(),
        |keys| {
            let accounts = app::Accounts::fixed();
            app::app(keys, &accounts, PROXIES.parse().unwrap(), &app::Redis::default(), OPERATOR)
        },
    )
}

/// A key of the platform with every scope.
pub(crate) async fn any_key(server: &Server, mode: Mode) -> IssuedKey {
    server.issue(NewKey::named("everything").mode(mode).scopes(all_scopes())).await
}

pub(crate) fn all_scopes() -> impl Iterator<Item = keygate::ScopeName> {
    app::SCOPES.iter().map(|scope| scope.name.clone())
}

/// Over TLS that ends here.
pub(crate) fn secure(call: Call) -> Call {
    call.peer("203.0.113.9", true)
}

pub(crate) fn wallet(key: &str) -> Call {
    secure(get("/v1/wallet")).bearer(key)
}

fn links(key: &str) -> Call {
    secure(get("/v1/payment-links")).bearer(key)
}

fn new_link(key: &str) -> Call {
    let body = json!({ "amount": "100.00", "currency": "USDT" });
    secure(post("/v1/payment-links")).bearer(key).json(body)
}

/// The error's code and message, and the id where it should be.
#[track_caller]
fn error(answer: &Answer) -> (String, String) {
    let body = answer.json();
    assert_eq!(answer.header("x-request-id"), body["request_id"].as_str().unwrap());
    assert_eq!(body.as_object().unwrap().len(), 2);
    assert_eq!(body["error"].as_object().unwrap().len(), 2);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&body["error"]["code"]), text(&body["error"]["message"]))
}
