use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

use super::encoded;

/// Every way to write a secret text that could stand in a log.
pub(crate) fn spellings(secret: &str) -> Vec<String> {
    let hex = encoded(secret, "");
    let list = format!("{:?}", secret.as_bytes());
    let mut all = vec![
        secret.to_owned(),
        secret.to_lowercase(),
        secret.to_uppercase(),
        hex.to_uppercase(),
        hex,
        list.trim_matches(['[', ']']).to_owned(),
    ];
    for offset in 0..3 {
        let shifted = [" ".repeat(offset).as_bytes(), secret.as_bytes()].concat();
        for text in
            [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)]
        {
            // The characters at both ends hold bits of the neighbours.
            all.push(text[4..text.len() - 3].to_owned());
        }
    }
    all
}
