use super::{at, record};
use crate::Mode;
use crate::store::{Cursor, KeyQuery, KeyRecord, KeyStore};

pub async fn names_are_searched_for_a_text(store: &impl KeyStore) {
    let names = ["WooCommerce plugin", "100% of_it", "100 of it", "Käse's \"till\"", "back\\slash"];
    for (number, name) in (1..).zip(names) {
        store.insert(KeyRecord { name: name.into(), ..record(number) }).await.unwrap();
    }
    let cases: [(&str, &[u8]); 16] = [
        ("", &[5, 4, 3, 2, 1]),
        ("woo", &[1]),
        ("PLUGIN", &[1]),
        ("e p", &[1]),
        ("woocommerce plugins", &[]),
        ("%", &[2]),
        ("100%", &[2]),
        ("_", &[2]),
        ("o?", &[]),
        ("*", &[]),
        ("OF", &[3, 2]),
        ("'s \"", &[4]),
        ("kä", &[4]),
        // Only letters of ASCII have two cases here.
        ("KÄ", &[]),
        ("\\", &[5]),
        ("a\0", &[]),
    ];
    for (text, numbers) in cases {
        let query = KeyQuery { search: Some(text.into()), ..KeyQuery::new(at(1)) };
        let listed = store.list(query).await.unwrap();
        let listed: Vec<_> = listed.into_iter().map(|record| record.id).collect();
        let ids: Vec<_> = numbers.iter().map(|number| record(*number).id).collect();
        assert_eq!(listed, ids, "{text:?}");
    }
    let more = KeyQuery { search: Some("o".into()), limit: 1, ..KeyQuery::new(at(1)) };
    let place = Some(Cursor::of(&record(3)));
    let listed =
        store.list(KeyQuery { after: place, mode: Some(Mode::Live), ..more }).await.unwrap();
    assert_eq!(listed.first().map(|record| record.name.as_str()), Some("100% of_it"));
    assert_eq!(listed.len(), 1);
}
