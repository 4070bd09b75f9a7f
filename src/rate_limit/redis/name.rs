//! What buckets are called in Redis.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::rate_limit::bucket::Who;
use crate::rate_limit::label::{By, Label};
use crate::rate_limit::limiter::Charge;

/// The name of a charge's bucket, the same on every instance.
///
/// `PREFIX:k:NAME:{a:ACCOUNT}:LINEAGE` for a limit of keys, `PREFIX:a:NAME:{a:ACCOUNT}` for one of
/// accounts, `PREFIX:i:NAME:{i:ADDRESS}` for one of addresses, `PREFIX:g:NAME:{g}` for one of the
/// whole service. A limit of keys or accounts counts a caller without a key by its address, under
/// its own letter. What stands in braces decides where a cluster keeps it.
///
/// No two buckets have one name: a limit's name has no brace, and after an account's last brace
/// only the id of a key can stand, which has none either.
pub(super) fn of(prefix: &str, charge: &Charge<'_>) -> String {
    let Label { by, name } = charge.label;
    let mut text = String::with_capacity(prefix.len() + name.len() + 72);
    // Writing to a string does not fail.
    let _ = write!(text, "{prefix}:{}:{name}:", letter(*by));
    let account = charge.account.map_or("", |account| account.as_str());
    let _ = match charge.who {
        Who::Lineage { id, .. } => write!(text, "{{a:{account}}}:{id}"),
        Who::Account(account) => write!(text, "{{a:{account}}}"),
        Who::V4(address) => write!(text, "{{i:{}}}", Ipv4Addr::from_bits(address)),
        Who::V6(network) => {
            write!(text, "{{i:{}/64}}", Ipv6Addr::from_bits(u128::from(network) << 64))
        }
        Who::Everyone => write!(text, "{{g}}"),
    };
    text
}

fn letter(by: By) -> char {
    match by {
        By::Key => 'k',
        By::Account => 'a',
        By::ClientIp => 'i',
        By::Service => 'g',
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::principal::Lineage;
    use crate::rate_limit::local::Buckets;
    use crate::{AccountId, KeyId, Quota};

    fn name(by: By, who: Who<'_>, account: Option<&AccountId>) -> String {
        let (label, buckets) = (Label::new(by, "default"), Arc::new(Buckets::new()));
        let quota = Quota::per_hour(1);
        of("shop", &Charge { of: 0, label: &label, buckets: &buckets, who, account, quota })
    }

    fn lineage(id: &str) -> Lineage {
        Lineage::new(KeyId::parse(id).unwrap())
    }

    #[test]
    fn what_is_decided_together_for_a_caller_has_the_accounts_tag() {
        let (key, acme) = (lineage("key_1"), AccountId::parse("acme").unwrap());
        let address = |text: &str| Who::address(text.parse().unwrap());
        let cases = [
            (By::Key, Who::lineage(&key), Some(&acme), "shop:k:default:{a:acme}:key_1"),
            (By::Account, Who::Account(&acme), Some(&acme), "shop:a:default:{a:acme}"),
            (By::Key, address("192.0.2.1"), None, "shop:k:default:{i:192.0.2.1}"),
            (By::ClientIp, address("192.0.2.1"), None, "shop:i:default:{i:192.0.2.1}"),
            (By::ClientIp, address("2001:db8::1"), None, "shop:i:default:{i:2001:db8::/64}"),
            (By::Service, Who::Everyone, None, "shop:g:default:{g}"),
        ];
        for (by, who, account, expected) in cases {
            assert_eq!(name(by, who, account), expected);
        }
    }

    #[test]
    fn accounts_with_braces_in_them_share_no_bucket() {
        let names: Vec<_> = ["x", "x}", "{x", "}", "x}:k"]
            .iter()
            .flat_map(|text| {
                let (key, account) = (lineage("k"), AccountId::parse(text).unwrap());
                let of_key = name(By::Key, Who::lineage(&key), Some(&account));
                [of_key, name(By::Account, Who::Account(&account), Some(&account))]
            })
            .collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name}");
        }
    }
}
