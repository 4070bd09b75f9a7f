use super::*;
#[test]
fn works() {
    let _ = KeyFormat::base62("ck", 32);
}
