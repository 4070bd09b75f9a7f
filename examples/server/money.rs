//! Amounts and currencies that are right once they exist.

#![allow(dead_code, reason = "PayKore's example has currencies and no amounts")]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest amount, in characters: more digits than any currency needs.
const MAX_AMOUNT: usize = 32;

/// The form of an amount, for the document: [`Amount::try_from`] takes the same.
const AMOUNT: &str = r"^([1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*)$";
const CURRENCY: &str = "^[A-Z0-9]{3,10}$";

/// A positive decimal number as text, such as `100.00`: money is never a float.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(example = &"100.00")]
pub(crate) struct Amount(#[schemars(regex(pattern = AMOUNT), length(max = MAX_AMOUNT))] String);

/// 3 to 10 upper-case letters and digits, such as `USDT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(example = &"USDT")]
pub(crate) struct Currency(#[schemars(regex(pattern = CURRENCY))] String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a positive decimal string such as \"100.00\"")]
pub(crate) struct InvalidAmount;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 3 to 10 upper-case letters and digits such as \"USDT\"")]
pub(crate) struct InvalidCurrency;

impl TryFrom<String> for Amount {
    type Error = InvalidAmount;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        // One way to write each whole part, so that two texts of one amount are seldom.
        let canonical = whole == "0" || !whole.starts_with('0');
        let positive = text.bytes().any(|b| matches!(b, b'1'..=b'9'));
        let valid =
            text.len() <= MAX_AMOUNT && digits(whole) && digits(fraction) && canonical && positive;
        if valid { Ok(Self(text)) } else { Err(InvalidAmount) }
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let known = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if (3..=10).contains(&text.len()) && known { Ok(Self(text)) } else { Err(InvalidCurrency) }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the document lets a text through.
    fn is_documented(pattern: &str, text: &str) -> bool {
        regex::Regex::new(pattern).unwrap().is_match(text)
    }

    #[test]
    fn an_amount_is_a_positive_decimal_number() {
        for good in ["1", "100.00", "0.000001", "12345678901234567890.5"] {
            assert_eq!(Amount::try_from(good.to_owned()).map(String::from).as_deref(), Ok(good));
            assert!(is_documented(AMOUNT, good), "{good}");
        }
        let too_long = "1".repeat(MAX_AMOUNT + 1);
        let bad = [
            "", "0", "0.00", "-1", "+1", "1.", ".5", "1e3", "1,5", " 1", "01", "1.0.0", "٣", "NaN",
        ];
        for bad in bad.into_iter().chain([&*too_long]) {
            assert_eq!(Amount::try_from(bad.to_owned()), Err(InvalidAmount), "{bad}");
            assert!(!is_documented(AMOUNT, bad) || bad.len() > MAX_AMOUNT, "{bad}");
        }
    }

    #[test]
    fn a_currency_is_three_to_ten_capitals_and_digits() {
        for (text, valid) in
            [("USDT", true), ("EUR", true), ("US", false), ("usdt", false), ("ABCDEFGHIJK", false)]
        {
            assert_eq!(Currency::try_from(text.to_owned()).is_ok(), valid, "{text}");
            assert_eq!(is_documented(CURRENCY, text), valid, "{text}");
        }
    }
}
