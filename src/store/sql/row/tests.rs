use std::error::Error as _;

use super::*;

/// A record with something in every field.
fn record() -> KeyRecord {
    let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
    let id = |id| KeyId::parse(id).unwrap();
    let (hash, account) = (KeyHash::from_bytes([7; 32]), AccountId::parse("acct_1").unwrap());
    let mut record = KeyRecord::new(id("key_1"), hash, Mode::Test, account, at(0));
    record.name = "Käse's \"plugin\"".into();
    record.hint = "ck_test_abc123".into();
    record.kind = KeyKind::Publishable;
    record.scopes = ["a:read", "a:write"].into_iter().map(ScopeName::from_static).collect();
    record.plan = Some(PlanName::parse("starter").unwrap());
    record.quota = Some(Quota::try_new(7, Duration::from_mins(1), 3).unwrap());
    record.lineage = id("key_0");
    record.replaces = Some(id("key_0"));
    record.replaced_by = Some(id("key_2"));
    record.not_before = Some(at(1) + Duration::from_micros(1));
    record.expires_at = Some(at(2));
    record.revoked_at = Some(at(3));
    record.revoked_reason = Some("leaked".into());
    record
}

fn row() -> Row {
    Row::of(&record()).unwrap()
}

#[test]
fn a_record_survives_its_row() {
    assert_eq!(row().into_record().unwrap(), record());
    let bare = KeyRecord::new(
        KeyId::parse("key_1").unwrap(),
        KeyHash::from_bytes([0; 32]),
        Mode::Live,
        AccountId::parse("acct_1").unwrap(),
        UNIX_EPOCH,
    );
    assert_eq!(Row::of(&bare).unwrap().into_record().unwrap(), bare);
}

#[test]
fn extreme_quotas_survive_their_row() {
    let hour = Duration::from_hours(1);
    for (count, burst) in [(1, 1), (u32::MAX, u32::MAX)] {
        let quota = Quota::try_new(count, hour, burst).unwrap();
        let record = KeyRecord { quota: Some(quota), ..record() };
        assert_eq!(Row::of(&record).unwrap().into_record().unwrap(), record);
    }
}

/// The secret that stands in every broken column: no error may repeat it.
const CANARY: &str = "ck live canary";

#[test]
fn a_corrupt_column_is_refused_by_name() {
    type Spoil = fn(&mut Row);
    let cases: [(&str, Spoil); 27] = [
        ("id", |row| row.id = CANARY.into()),
        ("id", |row| row.id.clear()),
        ("hash", |row| row.hash = CANARY.into()),
        ("hash", |row| row.hash = vec![7; 31]),
        ("hash", |row| row.hash = vec![7; 33]),
        ("hash", |row| row.hash.clear()),
        ("mode", |row| row.mode = CANARY.into()),
        ("mode", |row| row.mode = "Live".into()),
        ("kind", |row| row.kind = CANARY.into()),
        ("account", |row| row.account = CANARY.into()),
        ("account", |row| row.account = "a".repeat(129)),
        ("scopes", |row| row.scopes.push(CANARY.into())),
        ("scopes", |row| row.scopes.push(String::new())),
        ("plan", |row| row.plan = Some("\n".into())),
        ("lineage", |row| row.lineage = CANARY.into()),
        ("replaces", |row| row.replaces = Some(CANARY.into())),
        ("replaced_by", |row| row.replaced_by = Some(CANARY.into())),
        ("created_at", |row| row.created_at = -1),
        ("created_at", |row| row.created_at = i64::MAX),
        ("not_before", |row| row.not_before = Some(i64::MIN)),
        ("expires_at", |row| row.expires_at = Some(i64::MAX)),
        ("revoked_at", |row| row.revoked_at = Some(-1)),
        ("quota_count", |row| row.quota_count = Some(0)),
        ("quota_count", |row| row.quota_count = Some(i64::from(u32::MAX) + 1)),
        ("quota_count", |row| {
            (row.quota_period_ns, row.quota_burst) = (Some(i64::MAX), Some(i64::from(u32::MAX)));
        }),
        ("quota_count", |row| row.quota_period_ns = Some(-1)),
        ("quota_count", |row| row.quota_burst = None),
    ];
    for (column, spoil) in cases {
        let mut row = row();
        spoil(&mut row);
        let error = row.clone().into_record().unwrap_err();
        let cause = error.source().unwrap().to_string();
        assert!(!error.is_transient() && !error.is_duplicate(), "{cause}");
        assert!(cause.contains(&format!("`{column}`")), "{column}: {cause}");
        assert_eq!(cause.contains("key_1"), column != "id", "{cause}");
        assert!(!format!("{cause} {error:?}").contains("canary"), "{cause}");
    }
}

#[test]
fn times_outside_the_calendar_are_not_written() {
    let early = KeyRecord { created_at: UNIX_EPOCH - Duration::from_secs(1), ..record() };
    assert!(Row::of(&early).is_err());
}
