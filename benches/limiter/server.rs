//! A Redis of the bench's own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};

pub struct Server {
    process: Child,
    url: String,
}

impl Server {
    pub fn start() -> Self {
        let program = std::env::var("KEYGATE_REDIS_BIN").unwrap_or_else(|_| "redis-server".into());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .expect("a redis-server: apt-get install redis-server, or KEYGATE_REDIS_BIN");
        Self { process, url: format!("redis://127.0.0.1:{port}/") }
    }

    /// Waits until it answers.
    pub async fn connect(&self) -> MultiplexedConnection {
        let client = Client::open(&*self.url).unwrap();
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        for _ in 0..1_000 {
            match client.get_multiplexed_async_connection_with_config(&patient).await {
                Ok(connection) => return connection,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        panic!("the redis-server does not answer");
    }

    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
