//! What the three documents say, in the words of each service.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::document::Document;
use super::services;

async fn documents() -> [Document; 3] {
    let [checkout, pik, paykore] = services();
    [checkout.document().await, pik.document().await, paykore.document().await]
}

/// The example of an answer's body, by its name.
fn example<'d>(document: &'d Document, id: &str, status: u16, name: &str) -> &'d Value {
    let response = document.response(&document.operation(id), status);
    &response["content"]["application/json"]["examples"][name]["value"]
}

#[tokio::test]
async fn keys_are_sent_as_the_services_layers_read_them() {
    let [checkout, pik, paykore] = documents().await;
    for document in [&checkout, &pik] {
        let schemes = document.0["components"]["securitySchemes"].as_object().unwrap();
        assert_eq!(schemes.keys().collect::<Vec<_>>(), ["bearer"]);
        assert_eq!(schemes["bearer"]["scheme"], "bearer");
    }
    let scheme = &checkout.0["components"]["securitySchemes"]["bearer"]["description"];
    assert!(scheme.as_str().unwrap().contains("- `events:read`: List and retrieve event objects."));
    let create = checkout.operation("createPaymentLink");
    assert_eq!(create.value["security"], json!([{ "bearer": ["links:write"] }]));
    assert_eq!(create.value["description"], "Needs the scope `links:write`.");

    // The preferred one first.
    let security = json!([{ "x-api-key": [] }, { "bearer": [] }]);
    assert_eq!(paykore.operation("listWallets").value["security"], security);
    let own = &paykore.0["components"]["securitySchemes"]["x-api-key"];
    assert_eq!((&own["type"], &own["in"]), (&json!("apiKey"), &json!("header")));
}

#[tokio::test]
async fn errors_stand_in_each_services_own_envelope() {
    let [checkout, pik, paykore] = documents().await;
    let id = "req_0123456789abcdefghjkmnpqrs";
    let missing = "The API key lacks the scope `links:read`.";
    assert_eq!(
        *example(&checkout, "listPaymentLinks", 403, "insufficient_scope"),
        json!({ "error": {
            "type": "permission", "code": "insufficient_scope", "message": missing, "requestId": id,
        } })
    );
    assert_eq!(
        *example(&pik, "getWallet", 403, "unverified_account"),
        json!({
            "error": { "code": "forbidden", "message": "The connected account is not verified." },
            "request_id": id,
        })
    );
    let expired = "This API key expired on 2025-01-01. Create a new key in the dashboard.";
    assert_eq!(
        *example(&paykore, "getWallet", 401, "expired_key"),
        json!({
            "error": { "code": "EXPIRED_API_KEY", "message": expired, "http_status": 401 },
            "meta": { "request_id": "req_0123456789" },
        })
    );
    let missing = example(&paykore, "getWallet", 401, "missing_key");
    assert_eq!(missing["error"]["code"], "MISSING_API_KEY");
    // PayKore has no 400 for two keys: its envelope says 401.
    let ambiguous = example(&paykore, "listWallets", 401, "invalid_key");
    assert_eq!(ambiguous["error"]["code"], "INVALID_API_KEY");
    assert_eq!(paykore.operation("listWallets").value["responses"].get("400"), None);
}

#[tokio::test]
async fn the_schema_of_errors_is_that_of_the_envelope() {
    let [checkout, pik, paykore] = documents().await;
    let schema = |document: &Document| document.0["components"]["schemas"]["ApiError"].clone();
    let text = json!({ "type": "string" });
    assert_eq!(
        schema(&checkout)["properties"]["error"],
        json!({
            "type": "object",
            "properties": { "type": text, "code": text, "message": text, "requestId": text },
            "required": ["code", "message", "requestId", "type"],
        })
    );
    assert_eq!(schema(&pik)["properties"]["request_id"], text);
    let paykore = schema(&paykore);
    let status = &paykore["properties"]["error"]["properties"]["http_status"];
    assert_eq!(*status, json!({ "type": "integer" }));
    let meta = &paykore["properties"]["meta"];
    assert_eq!(meta["required"], json!(["request_id"]));
    assert_eq!(meta["properties"]["retry_after"], json!({ "type": "integer" }));
}

#[tokio::test]
async fn headers_are_told_with_the_answers_that_have_them() {
    let [checkout, pik, paykore] = documents().await;
    let names = |document: &Document, id: &str, status: u16| -> Vec<String> {
        let response = document.response(&document.operation(id), status);
        response["headers"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        names(&checkout, "listEvents", 401),
        ["Cache-Control", "WWW-Authenticate", "X-Request-Id"]
    );
    let limit = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Request-Id"];
    let both: Vec<_> = ["RateLimit", "RateLimit-Policy"].into_iter().chain(limit).collect();
    assert_eq!(names(&checkout, "listEvents", 200), both);
    assert_eq!(names(&pik, "getWallet", 200), limit);
    assert_eq!(names(&paykore, "listWallets", 200), limit);
    for document in [(&checkout, "listEvents"), (&pik, "getWallet"), (&paykore, "listWallets")] {
        let (document, id) = document;
        for (status, header) in [(429, "Retry-After"), (503, "Retry-After")] {
            assert!(names(document, id, status).contains(&header.to_owned()), "{id} {status}");
        }
    }
    assert!(names(&checkout, "createCustomer", 201).contains(&"Idempotent-Replayed".to_owned()));
    assert!(!names(&checkout, "listCustomers", 200).contains(&"Idempotent-Replayed".to_owned()));
}

#[tokio::test]
async fn parameters_come_from_types_and_layers() {
    let [checkout, pik, _] = documents().await;
    let names = |document: &Document, id: &str| -> Vec<String> {
        let operation = document.operation(id).value;
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        parameters.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&checkout, "updatePaymentLink"), ["id", "Idempotency-Key"]);
    assert_eq!(names(&checkout, "getPaymentLink"), ["id"]);
    assert_eq!(names(&pik, "getPaymentLink"), ["id", "x-on-behalf-of"]);
    assert_eq!(names(&pik, "getWallet"), ["x-on-behalf-of"]);
}

#[tokio::test]
async fn an_idempotency_keys_parameter_says_how_long_the_layer_keeps_its_answer() {
    let [checkout, ..] = documents().await;
    let archive = checkout.operation("archivePaymentLink").value;
    let key = archive["parameters"].as_array().unwrap().last().unwrap();
    assert!(key["description"].as_str().unwrap().ends_with("The answer is kept for 24 hours."));
    let form = regex::Regex::new(key["schema"]["pattern"].as_str().unwrap()).unwrap();
    for (name, is_one) in [
        ("order-4711", true),
        (r#""order 4711""#, false),
        (r#""order-\"4711\"""#, true),
        (r#""order-4711"#, false),
        ("", false),
        (r#""""#, false),
        ("two words", false),
    ] {
        assert_eq!(form.is_match(name), is_one, "{name}");
    }
    assert!(form.is_match(&"a".repeat(255)) && !form.is_match(&"a".repeat(256)));
}

/// Who may call what, and how it is answered, on one page.
#[tokio::test]
async fn c3_p3_k4_the_operations_of_the_three() {
    let mut page = String::new();
    for (name, document) in ["crypto_checkout", "pik", "paykore"].iter().zip(documents().await) {
        writeln!(page, "# {name}").unwrap();
        for operation in document.operations() {
            let ways = operation.ways.iter().map(|(scheme, way)| format!("{scheme} {way:?}"));
            let ways = ways.chain(operation.open.then(|| "anybody".to_owned()));
            writeln!(page, "{operation}: {}", ways.collect::<Vec<_>>().join(" or ")).unwrap();
            let statuses = operation.value["responses"].as_object().unwrap().keys();
            for status in statuses.map(|status| status.parse().unwrap()) {
                let response = document.response(&operation, status);
                let media = response["content"].as_object().unwrap().values().next().unwrap();
                let schema =
                    media["schema"]["$ref"].as_str().and_then(|path| path.split('/').next_back());
                let examples = media["examples"].as_object().into_iter().flat_map(|all| all.keys());
                let examples: Vec<_> = examples.map(String::as_str).collect();
                let line =
                    format!("  {status} {} {}", schema.unwrap_or_default(), examples.join(" "));
                writeln!(page, "{}", line.trim_end()).unwrap();
            }
        }
    }
    insta::assert_snapshot!(page);
}

#[tokio::test]
async fn bodies_are_described_as_handlers_judge_them() {
    let [checkout, ..] = documents().await;
    let schema = |name: &str| checkout.0["components"]["schemas"][name].clone();
    let link = schema("NewLink");
    assert_eq!(link["required"], json!(["amount", "currency"]));
    assert_eq!(link["additionalProperties"], json!(false));
    assert_eq!(schema("Amount")["maxLength"], 32);
    assert_eq!(schema("NewWebhook")["properties"]["events"]["maxItems"], 32);
    assert_eq!(schema("CustomerUpdate").get("required"), None);
    assert_eq!(schema("Customer")["properties"]["object"]["const"], "customer");
}
