//! Customers.

use axum::extract::Path;
use axum::http::StatusCode;
use keygate::{ApiError, Idempotent, Json, Scoped};
use serde::{Deserialize, Serialize};

use super::collection::{Object, Owner, new_id};
use super::patch::given;
use super::timestamp::Timestamp;
use super::{CustomersRead, CustomersWrite, Page, Shared};

#[derive(Debug, Clone, Serialize)]
pub(super) struct Customer {
    id: String,
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    email: Email,
    name: Option<Name>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCustomer {
    email: Email,
    name: Option<Name>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CustomerUpdate {
    #[serde(default, deserialize_with = "given")]
    email: Option<Email>,
    /// `null` takes the name away.
    #[serde(default, deserialize_with = "given")]
    #[allow(clippy::option_option, reason = "left out, `null` and a name are three things")]
    name: Option<Option<Name>>,
}

/// Something on both sides of one `@`: whether mail arrives is another matter.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Email(String);

/// 1 to 200 characters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Name(String);

impl Object for Customer {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) async fn list(caller: Scoped<CustomersRead>, checkout: Shared) -> Json<Page<Customer>> {
    Json(Page { data: checkout.customers.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<CustomersRead>,
    checkout: Shared,
    Path(id): Path<String>,
) -> Result<Json<Customer>, ApiError> {
    checkout.customers.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<CustomersWrite>,
    checkout: Shared,
    Idempotent(Json(new)): Idempotent<Json<NewCustomer>>,
) -> (StatusCode, Json<Customer>) {
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
    (StatusCode::CREATED, Json(customer))
}

pub(super) async fn update(
    caller: Scoped<CustomersWrite>,
    checkout: Shared,
    Path(id): Path<String>,
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
        let sides = text.split_once('@');
        let one_at = sides.is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !host.contains('@')
        });
        let clean =
            text.len() <= 254 && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if one_at && clean { Ok(Self(text)) } else { Err("must be an email address") }
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
