use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::mpsc;

use super::connections::{read, single};
use super::numbers::{Heard, Numbers};
use super::row::get;
use crate::store::StoreError;
use crate::store::sql::{Told, store_error};

/// How many changes a listener may be behind before its feed ends.
pub(super) const CAPACITY: usize = 4096;

/// Sends a token with the number of the last change that was committed before it, and with the
/// table that was meant.
///
/// Postgres delivers in the order of commits: who hears the token has been sent all of those. One
/// who listens on the channel of a schema that was dropped hears nothing.
pub(super) const PROOF: &str = "\
    SELECT pg_notify(keygate_channel(), json_build_object( \
        'proof', $1::text, 'seen', version, 'table', 'keygate_keys'::regclass::oid::bigint)::text) \
    FROM keygate_clock";

const CHANNEL: &str = "SELECT keygate_channel() AS channel";

const CLOCK: &str = "\
    SELECT version, 'keygate_keys'::regclass::oid::bigint AS keys_table FROM keygate_clock";

/// Listens on a connection of its own until something is wrong with it, or nobody listens to
/// `listeners` any more.
pub(super) async fn listen<T: Send + 'static>(
    pool: &PgPool,
    topic: &str,
    listeners: mpsc::Sender<T>,
    say: impl Fn(Told) -> T + Send + 'static,
) -> Result<(), StoreError> {
    let (_, rows) = read(pool, || sqlx::query(CHANNEL)).await?;
    let channel: String = get(rows.first().ok_or_else(no_clock)?, "", "channel")?;
    let mut listener = PgListener::connect_with(&single(pool)).await.map_err(store_error)?;
    // It would connect again without a word, having missed what was told meanwhile.
    listener.eager_reconnect(false);
    listener.listen(&channel).await.map_err(store_error)?;
    // From here on every change is heard; which one is the first, only the database knows.
    let (_, rows) = read(pool, || sqlx::query(CLOCK)).await?;
    let clock = rows.first().ok_or_else(no_clock)?;
    let mut numbers =
        Numbers::new(topic, get(clock, "", "version")?, get(clock, "", "keys_table")?);
    tokio::spawn(async move {
        loop {
            let message = tokio::select! {
                biased;
                () = listeners.closed() => return,
                message = listener.try_recv() => message,
            };
            let Ok(Some(message)) = message else { return };
            let told = match numbers.hear(message.payload()) {
                Heard::Tell(told) => told,
                Heard::Nothing => continue,
                Heard::Gap => return,
            };
            // One who is too slow has missed what did not fit.
            if listeners.try_send(say(told)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Sends a proof through the pool, as any other client would.
pub(super) async fn prove(pool: &PgPool, token: u64) -> Result<(), StoreError> {
    let statement = || sqlx::query(PROOF).bind(token.to_string());
    let (_, rows) = read(pool, statement).await?;
    if rows.is_empty() { Err(no_clock()) } else { Ok(()) }
}

fn no_clock() -> StoreError {
    StoreError::permanent("`keygate_clock` has lost its row")
}
