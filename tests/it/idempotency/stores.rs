//! Every store of idempotency keys keeps every rule of the port.

mod memory {
    keygate::idempotency_conformance!(keygate::idempotency::MemoryIdempotencyStore::new());
}

mod faultless {
    use keygate::idempotency::MemoryIdempotencyStore;
    use keygate::test_util::FaultyStore;

    keygate::idempotency_conformance!(FaultyStore::new(MemoryIdempotencyStore::new()));
}

mod sqlite_in_memory {
    keygate::idempotency_conformance!(
        keygate::store::SqliteStore::open("sqlite::memory:").await.unwrap()
    );
}

mod sqlite {
    use crate::support::Folder;

    keygate::idempotency_conformance!(Folder::new().store().await);
}

mod postgres {
    use crate::postgres_store::fresh;

    keygate::idempotency_conformance!(*match fresh().await {
        Some(fresh) => fresh,
        None => return,
    });
}

mod redis {
    use keygate::idempotency::RedisIdempotencyStore;

    use crate::support::redis::database;

    keygate::idempotency_conformance!(match database().await {
        Some(database) => RedisIdempotencyStore::connect(database.url()).await.unwrap(),
        None => return,
    });
}
