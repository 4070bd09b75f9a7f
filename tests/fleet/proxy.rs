//! Stands between a node and Postgres, and loses what it is told to.
//!
//! Connections stay open whatever is lost: nobody on either side is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::load::LONGEST;

/// What becomes of what goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Everything arrives.
    Open,
    /// Nothing of a connection that has listened arrives any more, in either direction: half-open.
    Dead,
    /// No notification arrives: a pooler that hands `LISTEN` to some connection or other.
    NoNotifications,
    /// The next notification of a change does not arrive, the others do.
    OneLost,
}

pub(crate) struct Proxy {
    url: String,
    wire: watch::Sender<Wire>,
    /// How many notifications came through.
    notified: watch::Sender<usize>,
    accepting: JoinHandle<()>,
}

/// One direction of a connection.
struct Pump {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    wire: watch::Sender<Wire>,
    notified: watch::Sender<usize>,
    /// Whether the client has asked to listen, on this connection.
    listens: Arc<AtomicBool>,
}

/// "No TLS here", as a server says it.
const NO_TLS: &[u8] = b"N";

/// The codes of a request for TLS and for GSSAPI, which come before anything else.
const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];

/// The channel's topic of the keys' table.
const KEYS: &[u8] = b"keys";

impl Proxy {
    /// In front of the server and database of a URL.
    pub(crate) async fn start(url: &str) -> Self {
        let (head, database) = url.rsplit_once('/').unwrap();
        let (user, server) = head.rsplit_once('@').unwrap();
        let server: SocketAddr = server.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{user}@{}/{database}", listener.local_addr().unwrap());
        let (wire, notified) = (watch::Sender::new(Wire::Open), watch::Sender::new(0));
        let for_all = (wire.clone(), notified.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(connect(client, server, for_all.clone()));
            }
        });
        Self { url, wire, notified, accepting }
    }

    /// The same database by way of this.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    pub(crate) fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// Waits until the one notification was lost.
    pub(crate) async fn lost(&self) {
        let mut wire = self.wire.subscribe();
        let lost = wire.wait_for(|wire| *wire == Wire::Open);
        timeout(LONGEST, lost).await.expect("one is lost").unwrap();
    }

    /// Waits until a notification came through that was sent after this was called: whoever is
    /// behind this listens.
    pub(crate) async fn listens(&self) {
        let mut notified = self.notified.subscribe();
        timeout(LONGEST, notified.changed()).await.expect("somebody listens").unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Until either side closes, or cannot be reached.
async fn connect(
    mut client: TcpStream,
    server: SocketAddr,
    (wire, notified): (watch::Sender<Wire>, watch::Sender<usize>),
) {
    let Some(startup) = refuse_encryption(&mut client).await else { return };
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let no_delay = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
    if no_delay.is_err() || server.write_all(&startup).await.is_err() {
        return;
    }
    let listens = Arc::new(AtomicBool::new(false));
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let pump = |from, to| Pump {
        from: BufReader::new(from),
        to,
        wire: wire.clone(),
        notified: notified.clone(),
        listens: Arc::clone(&listens),
    };
    let (questions, answers) = (pump(from_client, to_server), pump(from_server, to_client));
    tokio::select! {
        _ = questions.carry_questions() => {}
        _ = answers.carry_answers() => {}
    }
}

/// Answers requests for encryption itself, so that everything else can be read. The first message
/// that is none.
async fn refuse_encryption(client: &mut TcpStream) -> Option<Vec<u8>> {
    loop {
        let length = client.read_u32().await.ok()?;
        let mut message = length.to_be_bytes().to_vec();
        message.resize(usize::try_from(length).ok()?, 0);
        client.read_exact(&mut message[4..]).await.ok()?;
        let code = u32::from_be_bytes(message[4..8].try_into().ok()?);
        if !ENCRYPTION.contains(&code) {
            return Some(message);
        }
        client.write_all(NO_TLS).await.ok()?;
    }
}

impl Pump {
    async fn carry_questions(mut self) -> std::io::Result<()> {
        loop {
            let message = self.message().await?;
            if message.windows(6).any(|words| words.eq_ignore_ascii_case(b"LISTEN")) {
                self.listens.store(true, Ordering::SeqCst);
            }
            self.until_alive().await;
            self.to.write_all(&message).await?;
        }
    }

    async fn carry_answers(mut self) -> std::io::Result<()> {
        loop {
            let message = self.message().await?;
            self.until_alive().await;
            if self.is_lost(&message) {
                continue;
            }
            self.to.write_all(&message).await?;
            if is_notification(&message) {
                self.notified.send_modify(|notified| *notified += 1);
            }
        }
    }

    /// The next message: its type, its length, its content.
    async fn message(&mut self) -> std::io::Result<Vec<u8>> {
        let kind = self.from.read_u8().await?;
        let length = self.from.read_u32().await?;
        let mut message = vec![kind];
        message.extend_from_slice(&length.to_be_bytes());
        // The length counts itself.
        message.resize(1 + length as usize, 0);
        self.from.read_exact(&mut message[5..]).await?;
        Ok(message)
    }

    /// Waits while the connection is dead.
    async fn until_alive(&self) {
        let mut wire = self.wire.subscribe();
        let listens = || self.listens.load(Ordering::SeqCst);
        // The sender is in `self`.
        let _ = wire.wait_for(|wire| !(*wire == Wire::Dead && listens())).await;
    }

    fn is_lost(&self, message: &[u8]) -> bool {
        if !is_notification(message) {
            return false;
        }
        let mut lost = false;
        self.wire.send_if_modified(|wire| match wire {
            Wire::NoNotifications => {
                lost = true;
                false
            }
            Wire::OneLost if message.windows(KEYS.len()).any(|part| part == KEYS) => {
                lost = true;
                *wire = Wire::Open;
                true
            }
            _ => false,
        });
        lost
    }
}

fn is_notification(message: &[u8]) -> bool {
    message.first() == Some(&b'A')
}

#[tokio::test]
async fn the_proxy_carries_answers_and_loses_what_it_is_told_to() {
    use sqlx::postgres::PgListener;

    let Some(database) = crate::postgres::database("proxy").await else { return };
    let proxy = Proxy::start(database.url()).await;
    let mut listener = PgListener::connect(&proxy.url()).await.unwrap();
    listener.listen("noise").await.unwrap();
    let notify = async |what: &str| {
        let statement = format!("SELECT pg_notify('noise', '{what}')");
        crate::postgres::run(&proxy.url(), &statement).await;
    };
    let a_while = std::time::Duration::from_millis(300);
    notify("1 keys").await;
    assert_eq!(listener.recv().await.unwrap().payload(), "1 keys");
    // The first of a change's is lost; others are none.
    proxy.set(Wire::OneLost);
    for what in ["2 other", "3 keys", "4 keys"] {
        notify(what).await;
    }
    assert_eq!(listener.recv().await.unwrap().payload(), "2 other");
    assert_eq!(listener.recv().await.unwrap().payload(), "4 keys");
    proxy.lost().await;
    proxy.set(Wire::NoNotifications);
    notify("5 keys").await;
    assert!(timeout(a_while, listener.recv()).await.is_err());
    // Other connections are as before.
    proxy.set(Wire::Dead);
    notify("6 keys").await;
    assert!(timeout(a_while, listener.recv()).await.is_err());
    proxy.set(Wire::Open);
    assert_eq!(listener.recv().await.unwrap().payload(), "6 keys");
}
