use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, Response, SchemaObject};
use schemars::JsonSchema;
use serde_json::Value;

use super::super::ERROR;
use super::edit;
use crate::{ApiError, Json};

type Responses = Vec<(Option<u16>, Response)>;

/// 200 with the body.
impl<T: JsonSchema> OperationOutput for Json<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, _: &mut Operation) -> Option<Response> {
        let json_schema = ctx.schema.subschema_for::<T>();
        let described = ctx.resolve_schema(&json_schema).get("description");
        let description = described.and_then(Value::as_str).unwrap_or("Done.").to_owned();
        let schema = SchemaObject { json_schema, external_docs: None, example: None };
        let media = MediaType { schema: Some(schema), ..MediaType::default() };
        let content = [("application/json".to_owned(), media)].into_iter().collect();
        Some(Response { description, content, ..Response::default() })
    }

    fn inferred_responses(ctx: &mut GenContext, operation: &mut Operation) -> Responses {
        let response = Self::operation_response(ctx, operation);
        response.map(|response| (Some(200), response)).into_iter().collect()
    }
}

/// An error in the service's envelope: as a handler's result 404 where its path has parameters, and
/// any status that `response::<409, ApiError>()` gives it.
impl OperationOutput for ApiError {
    type Inner = Self;

    fn operation_response(_: &mut GenContext, _: &mut Operation) -> Option<Response> {
        let extensions = [(ERROR.to_owned(), true.into())].into_iter().collect();
        Some(Response { extensions, ..Response::default() })
    }

    fn inferred_responses(_: &mut GenContext, operation: &mut Operation) -> Responses {
        edit(operation, |mark| mark.fails = true);
        Vec::new()
    }
}
