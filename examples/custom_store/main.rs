//! Keys in the application's own table: what it takes to write a `KeyStore`.
//!
//! `cargo run --example custom_store`
//!
//! The table has no change feed, so a change that another instance makes is felt here within the
//! keyring's `max_staleness`. Run `keygate::store_conformance!` on a store of your own; this one is
//! tested so.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod table;

use std::error::Error;

use keygate::{KeyFormat, Keyring, Mode, NewKey};
use table::CredentialTable;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let table = CredentialTable::default();
    let keys = Keyring::builder(table.clone(), KeyFormat::base62("acme", 32)?).build()?;

    let issued = keys.issue(NewKey::named("WooCommerce plugin").mode(Mode::Live)).await?;
    println!(
        "issued {} as {}; the table has {} row",
        issued.record().hint,
        issued.id(),
        table.count()
    );

    let caller = keys.verify(issued.key().expose()).await;
    println!("verified: {}", caller.is_ok());
    println!("used: {} time", keys.usage(issued.id()).await?.requests);

    keys.revoke_because(issued.id(), "leaked").await?;
    let refusal = keys.verify(issued.key().expose()).await.err();
    println!("after its revocation: {refusal:?}");
    keys.shutdown().await;
    Ok(())
}
