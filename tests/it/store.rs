//! The store in memory keeps every rule of the port.

mod memory {
    keygate::store_conformance!(keygate::store::MemoryStore::new());
}

mod faultless {
    use keygate::store::MemoryStore;
    use keygate::test_util::FaultyStore;

    keygate::store_conformance!(FaultyStore::new(MemoryStore::new()));
}
