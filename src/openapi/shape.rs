use serde_json::{Map, Value, json};

/// The schema of what all these samples are: what each of them has is required.
pub(super) fn shape(samples: &[&Value]) -> Value {
    let objects: Vec<_> = samples.iter().filter_map(|sample| sample.as_object()).collect();
    let items: Vec<_> = samples.iter().filter_map(|sample| sample.as_array()).flatten().collect();
    let mut kinds: Vec<_> = samples.iter().map(|sample| kind(sample)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    // A whole number is a number too.
    if kinds.contains(&"number") {
        kinds.retain(|kind| *kind != "integer");
    }
    let mut schema = match kinds.as_slice() {
        [] => json!({}),
        [one] => json!({ "type": one }),
        several => json!({ "type": several }),
    };
    if let Some(schema) = schema.as_object_mut() {
        if !objects.is_empty() {
            describe_objects(schema, &objects);
        }
        if !items.is_empty() {
            schema.insert("items".into(), shape(&items));
        }
    }
    schema
}

fn describe_objects(schema: &mut Map<String, Value>, objects: &[&Map<String, Value>]) {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for name in objects.iter().flat_map(|object| object.keys()) {
        if properties.contains_key(name) {
            continue;
        }
        let values: Vec<_> = objects.iter().filter_map(|object| object.get(name)).collect();
        if values.len() == objects.len() {
            required.push(name.as_str());
        }
        properties.insert(name.clone(), shape(&values));
    }
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema.insert("properties".into(), properties.into());
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_sample_has_is_required_and_what_differs_may_be_either() {
        let samples = [
            json!({ "error": { "code": "a", "status": 1 }, "id": "x", "list": [] }),
            json!({ "error": { "code": "b", "status": 1.5, "wait": 3 }, "id": null, "list": [{ "n": 1 }] }),
        ];
        let expected = json!({
            "type": "object",
            "required": ["error", "id", "list"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "status"],
                    "properties": {
                        "code": { "type": "string" },
                        "status": { "type": "number" },
                        "wait": { "type": "integer" },
                    },
                },
                "id": { "type": ["null", "string"] },
                "list": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["n"],
                        "properties": { "n": { "type": "integer" } },
                    },
                },
            },
        });
        assert_eq!(shape(&samples.iter().collect::<Vec<_>>()), expected);
        assert_eq!(shape(&[]), json!({}));
    }
}
