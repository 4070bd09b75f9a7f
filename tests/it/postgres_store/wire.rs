//! What goes over the wire between a store and its server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keygate::store::{KeyQuery, KeyStore, KeyUse, PostgresStore, RecordUpdate, UsageBatch};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use super::{at, fresh, record};

/// A way to the server that counts how often a client speaks before it has its answer.
struct Wire {
    url: String,
    spoken: Arc<Spoken>,
}

#[derive(Default)]
struct Spoken {
    turns: AtomicUsize,
    /// Whether somebody is there, and nothing else.
    pings: AtomicUsize,
}

/// The message that a ping is.
const SYNC: &[u8] = b"S\0\0\0\x04";

impl Wire {
    async fn to(url: &str) -> Self {
        let (user, address) = url.rsplit_once('@').unwrap();
        let (address, database) = address.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let (spoken, server) = (Arc::<Spoken>::default(), address.to_owned());
        let counted = Arc::clone(&spoken);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&counted)));
            }
        });
        Self { url: format!("{user}@{here}/{database}?sslmode=disable"), spoken }
    }

    /// How often the client spoke while it waited for this.
    async fn turns<T>(&self, asked: impl Future<Output = T>) -> usize {
        let before = self.spoken.turns.load(Ordering::Relaxed);
        asked.await;
        self.spoken.turns.load(Ordering::Relaxed) - before
    }
}

async fn carry(client: TcpStream, server: TcpStream, spoken: Arc<Spoken>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut bytes = vec![0; 65536];
    while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
        let count = if &bytes[..read] == SYNC { &spoken.pings } else { &spoken.turns };
        count.fetch_add(1, Ordering::Relaxed);
        if to_server.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

const LOOK_UPS: usize = 20;

#[tokio::test]
async fn a_look_up_is_one_round_trip() {
    let Some(fresh) = fresh().await else { return };
    fresh.insert(1).await;
    let wire = Wire::to(fresh.database.url()).await;
    // One connection, which learns each statement at its first use.
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let options = options.test_before_acquire(false);
    let pool = options.connect(&wire.url).await.unwrap();
    let store = PostgresStore::with_pool(pool).await.unwrap();
    let (key, mut turns) = (record(1), Vec::new());
    for _ in 0..2 {
        turns.clear();
        turns.push(wire.turns(store.find_by_hash(key.hash)).await);
        turns.push(wire.turns(store.find_by_id(&key.id)).await);
        turns.push(wire.turns(store.list(KeyQuery::new(at(0)))).await);
        turns.push(wire.turns(store.usage(1, vec![key.id.clone()])).await);
        turns.push(wire.turns(store.prove(1)).await);
    }
    assert_eq!(turns, [1; 5]);
    // sqlx asks once after each loan, while nobody waits.
    let pings = wire.spoken.pings.load(Ordering::Relaxed);
    for _ in 0..LOOK_UPS {
        store.find_by_hash(key.hash).await.unwrap();
    }
    let pings = wire.spoken.pings.load(Ordering::Relaxed) - pings;
    assert!(pings <= LOOK_UPS + 1, "{pings}");
    // Once to see that the connection lives or to read what is stored, once to write.
    for _ in 0..2 {
        turns.clear();
        let batch = UsageBatch::new(1, 1, vec![KeyUse::new(key.id.clone(), 1, at(0))]);
        turns.push(wire.turns(store.add_usage(batch)).await);
        turns.push(wire.turns(store.update(&key.id, RecordUpdate::default())).await);
    }
    assert_eq!(turns, [2; 2]);
}
