use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, RequestBody, Response, SchemaObject};
use aide::operation::set_body;
use schemars::JsonSchema;
use serde_json::Value;

use super::super::Public;
use super::super::access::Access;
use super::super::fault::Fault;
use super::edit;
use crate::{Json, Principal, Requirement, Scoped};

type Responses = Vec<(Option<u16>, Response)>;

/// Any key. `Option<Principal>` also nobody.
impl OperationInput for Principal {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        edit(operation, |mark| mark.demand(Access::Optional));
    }

    /// aide asks this of a `Principal` and not of an `Option` of one: that is how they differ.
    fn inferred_early_responses(_: &mut GenContext, operation: &mut Operation) -> Responses {
        edit(operation, |mark| mark.demand(Access::any_key()));
        Vec::new()
    }
}

/// Everybody.
impl OperationInput for Public {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        edit(operation, |mark| mark.demand(Access::Public));
    }
}

/// A key with the scopes.
impl<R: Requirement> OperationInput for Scoped<R> {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        edit(operation, |mark| {
            mark.demand(Access::of::<R>());
            mark.may_fail(&[Fault::InsufficientScope]);
        });
    }
}

/// A body, and how it may be wrong.
impl<T: JsonSchema> OperationInput for Json<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let json_schema = ctx.schema.subschema_for::<T>();
        let described = ctx.resolve_schema(&json_schema).get("description");
        let description = described.and_then(Value::as_str).map(str::to_owned);
        let schema = SchemaObject { json_schema, external_docs: None, example: None };
        let media = MediaType { schema: Some(schema), ..MediaType::default() };
        let body = RequestBody {
            description,
            content: [("application/json".to_owned(), media)].into_iter().collect(),
            required: true,
            ..RequestBody::default()
        };
        set_body(ctx, operation, body);
        edit(operation, |mark| {
            mark.may_fail(&[
                Fault::InvalidBody,
                Fault::BodyTooLarge,
                Fault::UnsupportedMediaType,
                Fault::InvalidField,
            ]);
        });
    }
}

#[cfg(feature = "idempotency")]
mod idempotency {
    use super::super::super::headers;
    use super::{Fault, GenContext, Operation, OperationInput, Responses, edit};
    use crate::extract::{Idempotent, NoBody, Run};
    use aide::operation::add_parameters;

    /// The body, the header `Idempotency-Key`, and what may be wrong with it.
    impl<T: OperationInput> OperationInput for Idempotent<T> {
        fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
            T::operation_input(ctx, operation);
            let parameter = serde_json::from_value(headers::idempotency_key());
            add_parameters(ctx, operation, parameter);
            edit(operation, |mark| {
                mark.replays = true;
                mark.may_fail(&[
                    Fault::MalformedIdempotencyKey,
                    Fault::IdempotencyKeyInUse,
                    Fault::AnswerNotKept,
                    Fault::BodyTooLarge,
                    Fault::IdempotencyKeyReused,
                    Fault::IdempotencyUnavailable,
                ]);
            });
        }

        fn inferred_early_responses(ctx: &mut GenContext, operation: &mut Operation) -> Responses {
            T::inferred_early_responses(ctx, operation)
        }
    }

    impl OperationInput for NoBody {}

    impl OperationInput for Run {}
}
