use crate::idempotency::Fingerprint;
use crate::store::StoreError;

/// The fingerprint of an operation as it is stored.
pub(in crate::store) fn fingerprint(bytes: &[u8]) -> Result<Fingerprint, StoreError> {
    let bytes: Result<[u8; 32], _> = bytes.try_into();
    let odd = |_| StoreError::permanent("the fingerprint of an operation has not 32 bytes");
    bytes.map(Fingerprint::from_bytes).map_err(odd)
}
