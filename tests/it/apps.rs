//! The example servers' own code: the tests drive the very apps that the examples serve.

#[path = "../../examples/crypto_checkout/app.rs"]
#[allow(dead_code, reason = "some of it is for the example's main")]
pub(crate) mod crypto_checkout;
#[path = "../../examples/paykore/app.rs"]
#[allow(dead_code, reason = "some of it is for the example's main")]
pub(crate) mod paykore;
#[path = "../../examples/pik/app.rs"]
#[allow(dead_code, reason = "some of it is for the example's main")]
pub(crate) mod pik;
