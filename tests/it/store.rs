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
