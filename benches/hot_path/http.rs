//! Requests each second through a server on loopback, over those of the bare one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::keys::{FEW, Random, credentials};
use crate::rivals::{by_hand, jwt, tokens, with_tower_governor};
use crate::rounds::median;
use crate::stacks::{QUOTA, bare, no_op, pair};
use crate::table::{Target, at_least};

const ROUNDS: usize = 150;
const CONNECTIONS: usize = 32;
/// On each connection, in a round.
const REQUESTS: usize = 15;

/// A server in its own thread, and connections to it.
struct Client {
    connections: Vec<TcpStream>,
    requests: Vec<Vec<u8>>,
    random: Random,
}

pub fn compare() -> Vec<Target> {
    let servers = [
        ("bare", bare(), credentials(FEW)),
        ("any layer at all", no_op(), credentials(FEW)),
        ("the pair", pair(FEW, QUOTA), credentials(FEW)),
        ("by hand", by_hand(), credentials(FEW)),
        ("from_fn + tower_governor", with_tower_governor(), credentials(FEW)),
        ("HS256 JWT", jwt(), tokens()),
    ];
    let mut clients = servers.each_ref().map(|(_, app, credentials)| Client::of(app, credentials));
    clients.iter_mut().for_each(Client::warm);
    let mut rates = servers.each_ref().map(|_| Vec::new());
    let mut random = Random(3);
    let mut order: Vec<_> = (0..servers.len()).collect();
    for _ in 0..ROUNDS {
        random.shuffle(&mut order);
        for &at in &order {
            clients[at].round();
            rates[at].push(clients[at].round());
        }
    }
    println!("\nHTTP on loopback: bare {:.0} requests/s", median(rates[0].iter().copied()));
    let over_bare =
        |rate: &[f64]| median(rate.iter().zip(&rates[0]).map(|(rate, bare)| rate / bare));
    let figures = servers.iter().zip(&rates).skip(1).map(|((name, ..), rates)| {
        let (must, aim) = if *name == "the pair" { (0.87, Some(0.9)) } else { (0.0, None) };
        at_least(&format!("HTTP requests/s over bare, {name}"), over_bare(rates), must, aim)
    });
    figures.collect()
}

impl Client {
    fn of(app: &Router, credentials: &[String]) -> Self {
        let address = serve(app.clone());
        let connect = |_| {
            let connection = TcpStream::connect(address).unwrap();
            connection.set_nodelay(true).unwrap();
            connection
        };
        let request = |credential| {
            format!(
                "GET /v1/payment_links HTTP/1.1\r\nhost: a\r\nauthorization: {credential}\r\n\r\n"
            )
            .into_bytes()
        };
        Self {
            connections: (0..CONNECTIONS).map(connect).collect(),
            requests: credentials.iter().map(request).collect(),
            random: Random(5),
        }
    }

    fn warm(&mut self) {
        for at in 0..self.requests.len() {
            let connection = &mut self.connections[at % CONNECTIONS];
            connection.write_all(&self.requests[at]).unwrap();
            read_response(connection);
        }
    }

    /// Requests each second. All connections are kept busy, so that the server never waits.
    fn round(&mut self) -> f64 {
        let start = Instant::now();
        for turn in 0..=REQUESTS {
            for connection in &mut self.connections {
                if turn > 0 {
                    read_response(connection);
                }
                if turn < REQUESTS {
                    let request = &self.requests[self.random.below(self.requests.len())];
                    connection.write_all(request).unwrap();
                }
            }
        }
        (REQUESTS * CONNECTIONS) as f64 / start.elapsed().as_secs_f64()
    }
}

fn serve(app: Router) -> SocketAddr {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
        runtime.block_on(async { axum::serve(listener, app).await.unwrap() });
    });
    address
}

fn read_response(connection: &mut TcpStream) {
    let mut buffer = [0; 1024];
    let mut length = 0;
    while !buffer[..length].ends_with(b"\r\n\r\n[]") {
        let read = connection.read(&mut buffer[length..]).unwrap();
        assert!(read > 0, "the server hung up");
        length += read;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200"));
}
