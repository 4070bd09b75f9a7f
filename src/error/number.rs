use http::HeaderValue;

/// A number as a header's value; those below 4,096 cost no allocation.
pub(crate) fn number(number: u64) -> HeaderValue {
    match digits(number) {
        Some(digits) => HeaderValue::from_static(digits),
        None => HeaderValue::from(number),
    }
}

/// How many numbers stand in the table.
const NUMBERS: usize = 4096;

/// `000000010002…4095`: a number's text is a part of this one.
static DIGITS: &str = match std::str::from_utf8(&BYTES) {
    Ok(digits) => digits,
    Err(_) => "",
};

static BYTES: [u8; 4 * NUMBERS] = {
    let mut all = [0; 4 * NUMBERS];
    let mut at = 0;
    while at < all.len() {
        let number = at / 4;
        let digit = match at % 4 {
            0 => number / 1000,
            1 => number / 100,
            2 => number / 10,
            _ => number,
        };
        #[allow(clippy::cast_possible_truncation, reason = "a digit")]
        #[allow(clippy::indexing_slicing, reason = "below the length; of a constant")]
        {
            all[at] = b'0' + (digit % 10) as u8;
        }
        at += 1;
    }
    all
};

fn digits(number: u64) -> Option<&'static str> {
    let zeros = match number {
        0..10 => 3,
        10..100 => 2,
        100..1000 => 1,
        _ => 0,
    };
    let start = 4 * usize::try_from(number).ok().filter(|number| *number < NUMBERS)?;
    DIGITS.get(start + zeros..start + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_everyone_writes_them() {
        for value in (0..5000).chain([u64::from(u32::MAX), u64::MAX]) {
            assert_eq!(number(value).to_str().unwrap(), value.to_string());
        }
    }
}
