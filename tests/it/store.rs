//! Every store keeps every rule of the port.

#[path = "../../examples/custom_store/table.rs"]
mod table;

mod memory {
    keygate::store_conformance!(keygate::store::MemoryStore::new());
}

mod faultless {
    use keygate::store::MemoryStore;
    use keygate::test_util::FaultyStore;

    keygate::store_conformance!(FaultyStore::new(MemoryStore::new()));
}

mod custom {
    keygate::store_conformance!(super::table::CredentialTable::default());
}

mod sqlite_in_memory {
    keygate::store_conformance!(
        keygate::store::SqliteStore::open("sqlite::memory:").await.unwrap()
    );
}

mod sqlite {
    use crate::support::Folder;

    keygate::store_conformance!(Folder::new().store().await);
}

mod postgres {
    use crate::postgres_store::fresh;

    keygate::store_conformance!(*match fresh().await {
        Some(fresh) => fresh,
        None => return,
    });
}
