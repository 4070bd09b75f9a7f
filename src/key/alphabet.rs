/// The characters of the random part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    Base62,
    LowerHex,
}

/// The digits of base62 in the order that GitHub gives them: the value of a digit is its place.
pub(super) const BASE62: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Alphabet {
    /// The fewest characters that hold 128 bits.
    pub(super) const fn shortest(self) -> usize {
        match self {
            // 22 × log2(62) = 130.9 bits, 21 characters would be 125.0.
            Self::Base62 => 22,
            Self::LowerHex => 32,
        }
    }

    /// Whether all bytes are of this alphabet.
    pub(super) fn covers(self, text: &[u8]) -> bool {
        // Without an early exit the loop is a few vector instructions.
        match self {
            Self::Base62 => text.iter().fold(true, |ok, byte| ok & byte.is_ascii_alphanumeric()),
            Self::LowerHex => {
                text.iter().fold(true, |ok, byte| ok & matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            }
        }
    }

    /// The character that a random byte stands for.
    ///
    /// Bits above the alphabet's size are dropped, and a value past its end is `None`, to be drawn
    /// again. A remainder instead would make the first characters more frequent.
    pub(super) fn draw(self, byte: u8) -> Option<char> {
        let (digits, mask) = match self {
            Self::Base62 => (&BASE62[..], 0b11_1111),
            Self::LowerHex => (&b"0123456789abcdef"[..], 0b1111),
        };
        digits.get(usize::from(byte & mask)).map(|digit| char::from(*digit))
    }

    /// One character as a regular expression.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Base62 => "[0-9A-Za-z]",
            Self::LowerHex => "[0-9a-f]",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Alphabet;

    #[test]
    fn each_character_is_drawn_by_the_same_number_of_bytes() {
        for (alphabet, size, each) in [(Alphabet::Base62, 62, 4), (Alphabet::LowerHex, 16, 16)] {
            let mut drawn = std::collections::BTreeMap::new();
            for character in (0..=u8::MAX).filter_map(|byte| alphabet.draw(byte)) {
                *drawn.entry(character).or_insert(0) += 1;
                assert!(alphabet.covers(&[u8::try_from(character).unwrap()]));
            }
            assert_eq!(drawn.len(), size);
            assert!(drawn.values().all(|count| *count == each));
        }
    }

    #[test]
    fn the_shortest_length_is_the_first_with_128_bits() {
        for (alphabet, size) in [(Alphabet::Base62, 62_f64), (Alphabet::LowerHex, 16_f64)] {
            let shortest = u8::try_from(alphabet.shortest()).unwrap();
            assert!(f64::from(shortest) * size.log2() >= 128.0);
            assert!(f64::from(shortest - 1) * size.log2() < 128.0);
        }
    }
}
