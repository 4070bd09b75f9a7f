//! The example servers' own code: the tests drive the very apps that the examples serve.

#[path = "../../examples/crypto_checkout/app.rs"]
#[allow(dead_code, reason = "some of it is for the example's main")]
pub(crate) mod crypto_checkout;
#[path = "../../examples/exactly_once/app.rs"]
pub(crate) mod exactly_once;
#[path = "../../examples/paykore/app.rs"]
#[allow(dead_code, reason = "some of it is for the example's main")]
pub(crate) mod paykore;
#[path = "../../examples/pik/app.rs"]
#[allow(dead_code, reason = "some of it is for the example's main")]
pub(crate) mod pik;

#[path = "../../examples/paykore/envelope.rs"]
mod envelope_of_paykore;
#[path = "../../examples/pik/envelope.rs"]
mod envelope_of_pik;

/// PayKore's way to write errors, for stacks that its app does not have.
pub(crate) fn paykore_envelope() -> impl keygate::error::Envelope {
    envelope_of_paykore::PayKoreEnvelope
}

/// PIK's way to write errors.
pub(crate) fn pik_envelope() -> impl keygate::error::Envelope {
    envelope_of_pik::PikEnvelope
}
