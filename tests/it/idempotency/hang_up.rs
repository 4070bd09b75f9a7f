//! I3: a client that hangs up its connection in mid handler.

use keygate::idempotency::MemoryIdempotencyStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::service::Service;
use crate::support::{Loopback, becomes};

#[tokio::test]
async fn i3_over_http_the_handler_finishes_and_the_retry_gets_its_answer() {
    let service = Service::patient(&MemoryIdempotencyStore::new(), 1).await;
    let http = Loopback::serve(&service.nodes[0]).await;
    let mut connection = TcpStream::connect(http.address).await.unwrap();
    let request = format!(
        "POST /orders HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nidempotency-key: k\r\n\
         content-length: 11\r\n\r\ntwo of them",
        http.address, service.key
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    service.bench.begun.acquire().await.unwrap().forget();
    drop(connection);
    service.send(0, service.order("k")).await.expect(409);
    service.bench.gate.add_permits(1);
    becomes(&201, async || service.send(0, service.order("k")).await.status).await;
    let retry = service.send(0, service.order("k")).await;
    assert_eq!((retry.body.as_slice(), service.runs()), (&b"order 1: two of them"[..], 1));
    assert_eq!(retry.header("idempotent-replayed"), "true");
}

#[tokio::test]
async fn i3_over_http_a_body_that_never_comes_holds_no_key() {
    let service = Service::patient(&MemoryIdempotencyStore::new(), 1).await;
    let http = Loopback::serve(&service.nodes[0]).await;
    let mut connection = TcpStream::connect(http.address).await.unwrap();
    let request = format!(
        "POST /orders HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nidempotency-key: k\r\n\
         expect: 100-continue\r\ncontent-length: 11\r\n\r\n",
        http.address, service.key
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    // It is asked for once somebody wants it.
    let mut asked = [0; 25];
    connection.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    service.bench.gate.add_permits(1);
    service.send(0, service.order("k")).await.expect(201);
    drop(connection);
    assert_eq!(service.runs(), 1);
}
