use keygate::{KeyFormat, Mode};

fn main() {
    let key = KeyFormat::base62("ck", 32).unwrap().generate(Mode::Live).unwrap();
    println!("{key}");
    let _ = key.clone();
}
