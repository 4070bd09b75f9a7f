//! Mistakes that do not compile, and what the compiler says about them.
//!
//! After a change that alters a message: `TRYBUILD=overwrite cargo test --test compile_fail`.

#[test]
fn mistakes_do_not_compile_and_the_message_says_what_to_write() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
