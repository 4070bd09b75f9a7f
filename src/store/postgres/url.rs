use sqlx::postgres::PgConnectOptions;

use crate::store::StoreError;
use crate::store::sql::store_error;

/// The parameters that sqlx knows. It logs others with their values, which may be secrets
/// (`sslpassword`, a `password` misspelt), and goes on without them.
const KNOWN: [&str; 20] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
    // One run-time setting each: `options[search_path]=keys`.
    "options[",
    "options%5b",
];

/// Reads the URL of a database. No error repeats what may be a secret.
pub(super) fn parse(url: &str) -> Result<PgConnectOptions, StoreError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    match query.split('&').filter(|pair| !pair.is_empty()).find(|pair| !is_known(pair)) {
        None => url.parse().map_err(store_error),
        Some(pair) => Err(StoreError::permanent(match name(pair) {
            Some(name) => format!("the URL has a parameter that nobody knows: `{name}`"),
            None => "the URL has a parameter that nobody knows".to_owned(),
        })),
    }
}

fn is_known(pair: &str) -> bool {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name).to_ascii_lowercase();
    KNOWN.iter().any(|known| match known.strip_prefix("options") {
        None | Some("") => name == *known,
        Some(_) => name.starts_with(known),
    })
}

/// The name of a parameter, if it is one for sure, and not a piece of a password with a `?` in it.
fn name(pair: &str) -> Option<&str> {
    let (name, _) = pair.split_once('=')?;
    name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_or_refused_without_their_values() {
        let accepted = [
            "",
            "?sslmode=require&application_name=shop",
            "?options=-c%20search_path%3Dkeys",
            "?options[search_path]=keys",
            "?options%5Bsearch_path%5D=keys&",
        ];
        for query in accepted {
            parse(&format!("postgres://service@localhost/payments{query}")).unwrap();
        }
        let refused = [
            ("?sslpassword=canary", Some("`sslpassword`")),
            ("?sslmode=require&pasword=canary", Some("`pasword`")),
            ("?canary", None),
            ("?canary7=x", None),
        ];
        for (query, named) in refused {
            let error = parse(&format!("postgres://service@localhost/payments{query}"));
            let error = error.unwrap_err();
            let text = format!("{error:?}");
            assert!(!error.is_transient(), "{query}");
            assert!(named.is_none_or(|named| text.contains(named)), "{query}: {text}");
            assert!(named.is_some() || !text.contains('`'), "{query}: {text}");
            assert!(!text.contains("canary"), "{query}: {text}");
        }
    }
}
