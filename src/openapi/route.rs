use serde::Serialize;
use serde_json::{Map, Value, json};

use super::taken_list;

/// The path of an operation, and what its document says there about all operations.
pub(super) struct Route<'p> {
    path: &'p str,
    /// The parameters that stand with the path.
    shared: Vec<Value>,
}

impl<'p> Route<'p> {
    pub(super) fn new(path: &'p str, shared: &impl Serialize) -> Self {
        let shared = match serde_json::to_value(shared) {
            Ok(Value::Array(shared)) => shared,
            _ => Vec::new(),
        };
        Self { path, shared }
    }

    /// Whether a part of the path is the client's to fill in.
    pub(super) fn has_parameters(&self) -> bool {
        self.names().next().is_some()
    }

    /// Adds to an operation, as texts, the parameters that its path names and nobody describes:
    /// without them its document is none.
    pub(super) fn complete(&self, operation: &mut Map<String, Value>) {
        let mut parameters = taken_list(operation, "parameters");
        for name in self.names() {
            // What stands elsewhere in the document is the application's own affair.
            let describes = |parameter: &Value| {
                let bare = name.trim_start_matches('*');
                let is_it = parameter["name"] == name || parameter["name"] == bare;
                parameter.get("$ref").is_some() || (parameter["in"] == "path" && is_it)
            };
            if !parameters.iter().chain(&self.shared).any(describes) {
                parameters.push(json!({
                    "in": "path",
                    "name": name,
                    "required": true,
                    "schema": { "type": "string" },
                    "style": "simple",
                }));
            }
        }
        if !parameters.is_empty() {
            operation.insert("parameters".into(), parameters.into());
        }
    }

    /// What stands in braces.
    fn names(&self) -> impl Iterator<Item = &'p str> {
        let parts = self.path.split('{').skip(1);
        parts.filter_map(|part| part.split_once('}').map(|(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_nobody_describes_are_texts() {
        let own = |name: &str| json!({ "in": "path", "name": name, "required": true });
        let reference = || json!({ "$ref": "#/components/parameters/id" });
        let none = Vec::new;
        for (path, shared, described, added) in [
            ("/x", none(), none(), vec![]),
            ("/x/{id}", none(), none(), vec!["id"]),
            ("/{a}/x.{b}", none(), vec![own("b")], vec!["a"]),
            ("/x/{id}", none(), vec![json!({ "in": "query", "name": "id" })], vec!["id"]),
            ("/x/{id}", vec![own("id")], none(), vec![]),
            ("/x/{id}", none(), vec![reference()], vec![]),
            ("/x/{*rest}", none(), none(), vec!["*rest"]),
            ("/x/{*rest}", none(), vec![own("rest")], vec![]),
        ] {
            let route = Route::new(path, &shared);
            assert_eq!(route.has_parameters(), path.contains('{'), "{path}");
            let mut operation = Map::from_iter([("parameters".to_owned(), json!(described))]);
            route.complete(&mut operation);
            let all = taken_list(&mut operation, "parameters");
            let new: Vec<_> = all[described.len()..].iter().map(|new| &new["name"]).collect();
            assert_eq!(new, added, "{path} {described:?}");
        }
    }
}
