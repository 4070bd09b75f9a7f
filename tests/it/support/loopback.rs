//! An app behind a real port, and bytes as a client would not send them.

use std::net::SocketAddr;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Serves until it is dropped.
pub(crate) struct Loopback {
    pub(crate) address: SocketAddr,
    server: JoinHandle<()>,
}

/// What came back, as it came.
pub(crate) struct Raw(pub(crate) Vec<u8>);

impl Loopback {
    pub(crate) async fn serve(app: &Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = app.clone().into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { address, server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a request line and lines of headers on a connection of their own.
    pub(crate) async fn send(&self, line: &str, headers: &[Vec<u8>]) -> Raw {
        let host = format!("host: {}", self.address);
        let mut request =
            format!("{line} HTTP/1.1\r\n{host}\r\nconnection: close\r\n").into_bytes();
        for header in headers {
            request.extend_from_slice(header);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let (mut reading, mut writing) =
            TcpStream::connect(self.address).await.unwrap().into_split();
        let mut answer = Vec::new();
        // A server that refuses early may not read to the end.
        let (_written, _read) =
            tokio::join!(writing.write_all(&request), reading.read_to_end(&mut answer));
        Raw(answer)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Raw {
    #[track_caller]
    pub(crate) fn status(&self) -> u16 {
        let text = self.0.get(9..12).and_then(|text| std::str::from_utf8(text).ok());
        text.and_then(|text| text.parse().ok()).expect("a status")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The lines of the head.
    pub(crate) fn head(&self) -> Vec<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        head.split("\r\n").map(str::to_owned).collect()
    }
}
