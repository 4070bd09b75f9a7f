//! Six characters behind the random part, the way GitHub's tokens have them: CRC-32 (IEEE) of the
//! random part in base62, padded with `0` on the left. It finds typing errors and false positives
//! of scanners without a look-up; it is no protection against anyone.
//!
//! See <https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>.

use super::alphabet::BASE62;

/// How many characters a checksum has.
pub(super) const LENGTH: usize = 6;

/// A checksum as a regular expression: the largest CRC-32 is `4gfFC3`.
pub(super) const PATTERN: &str = "[0-4][0-9A-Za-z]{5}";

/// The checksum of a random part.
pub(super) fn of(random: &[u8]) -> [char; LENGTH] {
    let mut rest = crc32fast::hash(random);
    let mut digits = ['0'; LENGTH];
    for place in digits.iter_mut().rev() {
        let digit = usize::try_from(rest % 62).ok().and_then(|value| BASE62.get(value));
        *place = digit.map_or('0', |digit| char::from(*digit));
        rest /= 62;
    }
    digits
}

/// Whether `tail` is the checksum of `random`.
pub(super) fn fits(tail: &[u8], random: &[u8]) -> bool {
    tail.len() == LENGTH && value(tail) == Some(u64::from(crc32fast::hash(random)))
}

/// The number that at most ten digits of base62 stand for.
fn value(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return None,
        };
        Some(value * 62 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::{fits, of};

    #[test]
    fn the_checksum_is_githubs() {
        let random = b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ";
        assert_eq!(String::from_iter(of(random)), "0mLq17");
        assert!(fits(b"0mLq17", random));
    }

    #[test]
    fn a_checksum_of_the_wrong_length_or_alphabet_fits_nothing() {
        let random = b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ";
        for tail in [&b""[..], b"mLq17", b"00mLq17", b"0mLq1_", b"0mLq1\xFF", b"zzzzzz"] {
            assert!(!fits(tail, random), "{tail:?}");
        }
    }

    #[test]
    fn the_largest_checksum_has_six_characters() {
        assert_eq!(super::value(b"4gfFC3"), Some(u64::from(u32::MAX)));
    }
}
