//! Keys to try a new service with.

use keygate::{ApiKey, InvalidKeyId, KeyFilter, KeyId, Keyring, KeyringError, NewKey};

/// How often a store is asked that is busy: instances that start together on one file wait for one
/// another, longer than any request would.
const TRIES: usize = 5;

/// A key that is issued where there is none yet, and how to try it.
pub(crate) struct Demo {
    /// A fixed one: of several instances that start together on an empty database the first to
    /// insert it issues and prints the key.
    id: KeyId,
    key: NewKey,
    /// A command that can be pasted into a shell.
    command: fn(&ApiKey, origin: &str) -> String,
}

impl Demo {
    pub(crate) fn new(
        id: &str,
        key: NewKey,
        command: fn(&ApiKey, origin: &str) -> String,
    ) -> Result<Self, InvalidKeyId> {
        Ok(Self { id: KeyId::parse(id)?, key, command })
    }
}

/// Issues and prints the keys, unless there is any key already.
pub(super) async fn issue_where_there_is_no_key(
    keys: &Keyring,
    demos: Vec<Demo>,
    origin: &str,
) -> Result<(), KeyringError> {
    let any = async || keys.list(KeyFilter::default().limit(1)).await;
    if !patiently(any).await?.records.is_empty() {
        return Ok(());
    }
    for Demo { id, key, command } in demos {
        let key = key.id(id);
        let issued = match patiently(async || keys.issue(key.clone()).await).await {
            // Another instance was first, and prints it.
            Err(KeyringError::Store(error)) if error.is_duplicate() => continue,
            issued => issued?,
        };
        let (name, text) = (&issued.record().name, issued.key().expose());
        // At once: no line of the log comes between.
        println!("key \"{name}\", shown only now: {text}\n    {}", command(issued.key(), origin));
    }
    Ok(())
}

async fn patiently<T>(
    mut ask: impl AsyncFnMut() -> Result<T, KeyringError>,
) -> Result<T, KeyringError> {
    for _ in 1..TRIES {
        match ask().await {
            Err(KeyringError::Store(busy)) if busy.is_transient() => {}
            done => return done,
        }
    }
    ask().await
}
