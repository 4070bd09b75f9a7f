//! Only a keyring makes principals.

use keygate::{KeyId, Mode, Principal};

fn main() {
    let key_id = KeyId::parse("key_1").unwrap();
    let _ = Principal { key_id, mode: Mode::Live };
    let _ = Principal::new(());
    let _ = Principal::default();
}
