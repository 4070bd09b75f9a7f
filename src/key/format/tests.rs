use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use regex::Regex;

use super::*;

/// The formats of the three services, and the smallest and the largest there are.
fn formats() -> Vec<KeyFormat> {
    let pik = ModeWords::new("production", "sandbox").unwrap();
    let long = ModeWords::new(&"l".repeat(32), &"t".repeat(32)).unwrap();
    vec![
        KeyFormat::base62("ck", 32).unwrap(),
        KeyFormat::base62("pik", 32).unwrap().words(pik).checksum(),
        KeyFormat::lower_hex("sk", 64).unwrap(),
        KeyFormat::lower_hex("pk", 64).unwrap().publishable(),
        KeyFormat::base62("a", 22).unwrap(),
        KeyFormat::lower_hex("a_b2", 32).unwrap().checksum(),
        KeyFormat::base62(&"p".repeat(32), 184).unwrap().words(long).checksum(),
    ]
}

fn key(format: &KeyFormat, mode: Mode, seed: u64) -> String {
    let key = format.generate_with(mode, &mut StdRng::seed_from_u64(seed)).unwrap();
    key.expose().to_owned()
}

fn format() -> impl Strategy<Value = KeyFormat> {
    proptest::sample::select(formats())
}

fn with_checksum() -> impl Strategy<Value = KeyFormat> {
    format().prop_filter("has a checksum", KeyFormat::has_checksum)
}

fn mode() -> impl Strategy<Value = Mode> {
    proptest::sample::select(vec![Mode::Live, Mode::Test])
}

proptest! {
    #[test]
    fn what_is_generated_is_parsed(format in format(), mode in mode(), seed: u64) {
        let text = key(&format, mode, seed);
        prop_assert!(text.len() <= MAX_TEXT);
        let parsed = format.parse(text.as_bytes()).unwrap();
        prop_assert_eq!((parsed.mode, parsed.kind), (mode, format.kind()));
        prop_assert_eq!(parsed.text, text.as_bytes());
    }

    #[test]
    fn h2_no_bytes_make_the_parser_panic(
        format in format(),
        mode in mode(),
        bytes: Vec<u8>,
        cut in 0_usize..300,
        seed: u64,
    ) {
        // Bytes alone, behind a head, and behind the beginning of a key.
        let text = key(&format, mode, seed);
        let cut = cut.min(text.len());
        let pattern = Regex::new(&format!("^(?:{})$", format.pattern())).unwrap();
        for start in [&b""[..], format.head(mode).as_bytes(), &text.as_bytes()[..cut]] {
            let text = [start, &bytes].concat();
            let matches = std::str::from_utf8(&text).is_ok_and(|text| pattern.is_match(text));
            prop_assert!(matches || format.parse(&text).is_none());
        }
    }

    #[test]
    fn v8_any_damaged_character_is_caught_by_the_checksum(
        format in with_checksum(),
        mode in mode(),
        seed: u64,
        place: prop::sample::Index,
        byte: u8,
    ) {
        let mut text = key(&format, mode, seed).into_bytes();
        let place = place.index(text.len());
        prop_assume!(text[place] != byte);
        text[place] = byte;
        prop_assert!(format.parse(&text).is_none());
    }

    #[test]
    fn v8_a_lost_or_doubled_character_is_caught(
        format in format(),
        mode in mode(),
        seed: u64,
        place: prop::sample::Index,
    ) {
        let text = key(&format, mode, seed).into_bytes();
        let place = place.index(text.len());
        let mut shorter = text.clone();
        let lost = shorter.remove(place);
        let mut longer = text;
        longer.insert(place, lost);
        prop_assert!(format.parse(&shorter).is_none());
        prop_assert!(format.parse(&longer).is_none());
    }

    #[test]
    fn the_pattern_matches_every_key_inside_a_text(format in format(), mode in mode(), seed: u64) {
        let text = key(&format, mode, seed);
        let pattern = Regex::new(&format.pattern()).unwrap();
        for around in ["", "\"", "'", " ", "=", ":", "\n", "/", "-", ",", "`", "."] {
            let line = format!("KEY{around}{text}{around}rest");
            let found = pattern.find(&line).map(|found| found.as_str());
            prop_assert_eq!(found.is_some(), !around.is_empty(), "{}", line);
            prop_assert!(found.is_none_or(|found| found == text));
        }
        for (before, after) in [("x", ""), ("", "x"), ("", "_"), ("_", ""), ("7", "7")] {
            let line = format!("{before}{text}{after}");
            prop_assert!(!pattern.is_match(&line), "{}", line);
        }
    }
}

#[test]
fn c2_k1_p9_the_keys_of_the_three_services_have_their_form() {
    let shapes: Vec<_> = formats()[..4].iter().map(|format| key(format, Mode::Test, 1)).collect();
    for (text, head, length) in [
        (&shapes[0], "ck_test_", 32),
        (&shapes[1], "pik_sandbox_", 38),
        (&shapes[2], "sk_test_", 64),
        (&shapes[3], "pk_test_", 64),
    ] {
        assert!(text.starts_with(head), "{text}");
        assert_eq!(text.len(), head.len() + length);
    }
}

#[test]
fn c6_the_hint_is_the_head_and_six_random_characters() {
    for format in formats() {
        let key = format.generate_with(Mode::Live, &mut StdRng::seed_from_u64(1)).unwrap();
        assert_eq!(key.hint().len(), format.head(Mode::Live).len() + 6);
        assert!(key.expose().starts_with(key.hint()));
        assert!(!format!("{key:?}").contains(key.expose()));
    }
}

#[test]
fn v8_a_text_of_another_form_is_refused() {
    let format = KeyFormat::base62("ck", 32).unwrap();
    let random = "0123456789abcdefghijABCDEFGHIJxy";
    let with = |head: &str, tail: &str| format!("{head}{random}{tail}").into_bytes();
    assert!(format.parse(&with("ck_live_", "")).is_some_and(|key| key.mode == Mode::Live));
    assert!(format.parse(&with("ck_test_", "")).is_some_and(|key| key.mode == Mode::Test));
    for text in [
        with("", ""),
        with("ck_", ""),
        with("ck_prod_", ""),
        with("CK_live_", ""),
        with("ck-live-", ""),
        with("sk_live_", ""),
        with(" ck_live_", ""),
        with("ck_live_", "z"),
        with("ck_live_", "\0"),
        with("ck_live_", "\n"),
        b"ck_live_".to_vec(),
        b"ck_live_0123456789abcdefghijABCDEFGHIJx-".to_vec(),
        b"ck_live_0123456789abcdefghijABCDEFGHIJx\xFF".to_vec(),
        b"ck_live_0123456789abcdefghijABCDEFGHIJx\t".to_vec(),
        "ck_live_0123456789abcdefghijABCDEFGHIJé".into(),
    ] {
        assert!(format.parse(&text).is_none(), "{:?}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn h2_oversized_input_is_refused_unread() {
    for format in formats() {
        for size in [MAX_TEXT + 1, 64 << 10, 400 << 10] {
            let mut text = format.head(Mode::Live).as_bytes().to_vec();
            text.resize(size, b'0');
            assert!(format.parse(&text).is_none());
        }
    }
}

#[test]
fn capital_hexadecimal_digits_are_of_another_form() {
    let format = KeyFormat::lower_hex("sk", 64).unwrap();
    let text = key(&format, Mode::Live, 3);
    let capitals = format!("sk_live_{}", text["sk_live_".len()..].to_uppercase());
    assert!(format.parse(text.as_bytes()).is_some());
    assert!(format.parse(capitals.as_bytes()).is_none());
}

#[test]
fn a_parsed_text_is_not_shown() {
    let format = KeyFormat::base62("ck", 32).unwrap();
    let text = key(&format, Mode::Live, 5);
    let shown = format!("{:?}", format.parse(text.as_bytes()).unwrap());
    assert_eq!(shown, "ParsedKey { mode: Live, kind: Secret, .. }");
}

#[test]
fn a_prefix_is_of_small_letters_digits_and_inner_underscores() {
    for prefix in ["c", "ck", "pay_link", "a1_b2_c3", &"p".repeat(32)] {
        assert!(KeyFormat::base62(prefix, 32).is_ok(), "{prefix}");
    }
    let long = "p".repeat(33);
    for prefix in ["", "_ck", "ck_", "c__k", "CK", "1k", "c-k", "c k", "ck\n", "é", "c.k", &long] {
        let error = KeyFormat::base62(prefix, 32).unwrap_err();
        assert_eq!(error, InvalidKeyFormat::Prefix { prefix: prefix.into() });
    }
}

#[test]
fn a_random_part_has_at_least_128_bits_and_fits_a_text() {
    assert!(KeyFormat::base62("ck", 21).is_err());
    assert!(KeyFormat::base62("ck", 22).is_ok());
    assert!(KeyFormat::lower_hex("ck", 31).is_err());
    assert!(KeyFormat::lower_hex("ck", 32).is_ok());
    assert!(KeyFormat::base62("ck", 184).is_ok());
    let error = KeyFormat::base62("ck", 185).unwrap_err();
    assert_eq!(error.to_string(), "a random part of 185 characters: it takes 22 (128 bits) to 184");
    assert!(KeyFormat::lower_hex("ck", usize::MAX).is_err());
}

#[test]
fn the_longest_text_has_256_bytes() {
    let longest = formats().iter().map(|format| key(format, Mode::Live, 1).len()).max();
    assert_eq!(longest, Some(MAX_TEXT));
}

#[test]
fn formats_overlap_where_one_text_can_be_of_both() {
    let base62 = |prefix, length| KeyFormat::base62(prefix, length).unwrap();
    let words = |live, test| ModeWords::new(live, test).unwrap();
    let ck = base62("ck", 32);
    for (other, overlaps) in [
        (ck.clone(), true),
        (ck.clone().publishable(), true),
        (KeyFormat::lower_hex("ck", 32).unwrap(), true),
        (ck.clone().words(words("prod", "test")), true),
        (ck.clone().words(words("test", "dev")), true),
        (base62("ck", 26).checksum(), true),
        (ck.clone().checksum(), false),
        (base62("ck", 33), false),
        (base62("sk", 32), false),
        (base62("ck_live", 32), false),
        (ck.clone().words(words("production", "sandbox")), false),
    ] {
        assert_eq!(ck.overlaps(&other), overlaps, "{other:?}");
        assert_eq!(other.overlaps(&ck), overlaps, "{other:?}");
    }
    let nested = base62("a", 32).words(words("b", "c"));
    assert!(!nested.overlaps(&base62("a_b", 32)));
}

#[test]
fn words_replace_the_default_ones() {
    let words = ModeWords::new("production", "sandbox").unwrap();
    let format = KeyFormat::base62("pik", 32).unwrap().words(words);
    assert_eq!((format.word(Mode::Live), format.mode("sandbox")), ("production", Some(Mode::Test)));
    assert_eq!((format.mode("live"), format.mode("")), (None, None));
    assert_eq!(format.prefix(), "pik");
    assert_eq!(format.pattern(), r"\bpik_(?:production|sandbox)_[0-9A-Za-z]{32}\b");
}
