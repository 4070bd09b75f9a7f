//! Customers.

use std::sync::LazyLock;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::Path;
use keygate::{ApiError, Idempotent, Json, Scoped};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_id::{ById, Named};
use super::collection::{Object, Owner, new_id};
use super::created::Created;
use super::patch::given;
use super::reference::about;
use super::timestamp::Timestamp;
use super::{CustomersRead, CustomersWrite, Page, Shared, State};

/// A customer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Customer {
    id: String,
    #[schemars(extend("const" = "customer"))]
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    email: Email,
    name: Option<Name>,
}

/// A customer to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCustomer {
    email: Email,
    name: Option<Name>,
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CustomerUpdate {
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Email", skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
    /// `null` takes the name away.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Name>", skip_serializing_if = "Option::is_none")]
    #[allow(clippy::option_option, reason = "left out, `null` and a name are three things")]
    name: Option<Option<Name>>,
}

/// Something on both sides of one `@`: whether mail arrives is another matter.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(example = &"ann@example.com")]
struct Email(#[schemars(regex(pattern = EMAIL), length(max = MAX_EMAIL))] String);

/// Neither spaces nor control characters.
const EMAIL: &str = r"^[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+$";

/// The longest address, in characters.
const MAX_EMAIL: usize = 254;

/// 1 to 200 characters.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
struct Name(#[schemars(length(min = 1, max = 200))] String);

impl Object for Customer {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/customers",
            get_with(list, about("listCustomers", "List customers, newest first"))
                .post_with(create, about("createCustomer", "Create a customer")),
        )
        .api_route(
            "/customers/{id}",
            get_with(retrieve, about("getCustomer", "Retrieve a customer"))
                .patch_with(update, about("updateCustomer", "Change a customer")),
        )
        .with_path_items(|item| item.tag("Customers"))
}

pub(super) async fn list(caller: Scoped<CustomersRead>, checkout: Shared) -> Json<Page<Customer>> {
    Json(Page { data: checkout.customers.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<CustomersRead>,
    checkout: Shared,
    Path(Named { id }): ById,
) -> Result<Json<Customer>, ApiError> {
    checkout.customers.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<CustomersWrite>,
    checkout: Shared,
    Idempotent(Json(new)): Idempotent<Json<NewCustomer>>,
) -> Created<Customer> {
    let owner = Owner::of(&caller);
    let customer = Customer {
        id: new_id("cus"),
        object: "customer",
        livemode: owner.livemode(),
        created_at: checkout.now(),
        email: new.email,
        name: new.name,
    };
    checkout.customers.insert(&owner, customer.clone());
    checkout.note(&owner, "customer.created", &customer);
    Created(customer)
}

pub(super) async fn update(
    caller: Scoped<CustomersWrite>,
    checkout: Shared,
    Path(Named { id }): ById,
    Idempotent(Json(update)): Idempotent<Json<CustomerUpdate>>,
) -> Result<Json<Customer>, ApiError> {
    let owner = Owner::of(&caller);
    let customer = checkout.customers.change(&owner, &id, |customer| {
        customer.email = update.email.unwrap_or(customer.email.clone());
        customer.name = update.name.unwrap_or(customer.name.clone());
        Ok(customer.clone())
    })?;
    checkout.note(&owner, "customer.updated", &customer);
    Ok(Json(customer))
}

impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(EMAIL).ok());
        let is_one = FORM.as_ref().is_some_and(|form| form.is_match(&text));
        let fits = text.chars().count() <= MAX_EMAIL;
        if is_one && fits { Ok(Self(text)) } else { Err("must be an email address") }
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=200).contains(&text.chars().count());
        if fits { Ok(Self(text)) } else { Err("must have 1 to 200 characters") }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}
