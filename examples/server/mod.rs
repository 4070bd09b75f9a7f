//! What the example servers share: the database, the command line, demo keys, an orderly end.

#![allow(clippy::print_stdout, reason = "a server's start tells its operator what to do next")]

mod command;
mod database;
mod demo;
mod failure;
mod listing;
mod metrics;

use std::error::Error;
use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use keygate::{IdempotencyLayer, Keyring, TrustedProxies};
use rand::distr::{Alphanumeric, SampleString};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing_subscriber::EnvFilter;

pub(crate) use command::{About, command_line};
pub(crate) use database::Database;
pub(crate) use demo::Demo;
#[allow(unused_imports, reason = "one of the servers has nothing to log")]
pub(crate) use failure::{exit_code, in_one_line};
pub(crate) use metrics::Metrics;

/// The port where `PORT` does not name one.
const DEFAULT_PORT: u16 = 3000;

/// How long requests under way have to finish at the end.
const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// How long the last writes to the database have afterwards. Both together are less than the 5 s
/// after which an operator's patience ends.
const LAST_WRITES: Duration = Duration::from_millis(1500);

/// A server that is ready to serve.
pub(crate) struct Server {
    pub(crate) app: Router,
    pub(crate) keys: Keyring,
    pub(crate) database: Database,
    /// Served beside it, where somebody wants them.
    pub(crate) metrics: Option<Metrics>,
    /// What goes on for clients that have hung up.
    pub(crate) once: Option<IdempotencyLayer>,
    /// What runs beside it and ends with it.
    pub(crate) background: JoinSet<()>,
}

/// The password of the management API's `operator`.
pub(crate) struct Password {
    text: String,
    is_new: bool,
}

impl Password {
    /// `DASHBOARD_PASSWORD`, else a random one that [`Server::run`] prints.
    pub(crate) fn from_env() -> Self {
        match std::env::var("DASHBOARD_PASSWORD") {
            Ok(text) if !text.is_empty() => Self { text, is_new: false },
            _ => {
                let text = Alphanumeric.sample_string(&mut rand::rng(), 24);
                Self { text, is_new: true }
            }
        }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.text
    }
}

impl Server {
    /// Serves on 127.0.0.1 until Ctrl-C or SIGTERM, then lets the requests under way finish and
    /// writes down what is not written yet.
    ///
    /// # Errors
    ///
    /// A `PORT` that is no port or taken, a store that takes no demo keys, and background work that
    /// ends before the server.
    pub(crate) async fn run(
        mut self,
        password: &Password,
        demos: Vec<Demo>,
    ) -> Result<(), Box<dyn Error>> {
        let port = port()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|error| format!("port {port} of 127.0.0.1: {error}"))?;
        let origin = format!("http://{}", listener.local_addr()?);

        // Before anything is printed: who reads the lines may send SIGTERM at once.
        let stopped = stop_signal()?;
        demo::issue_where_there_is_no_key(&self.keys, demos, &origin).await?;
        let known = if password.is_new { &password.text } else { "of DASHBOARD_PASSWORD" };
        println!("page of keys: {origin}/dashboard/api-keys (user operator, password {known})");
        if password.is_new {
            println!(
                "management API: curl -u operator:{} {origin}/dashboard/api/keys",
                password.text
            );
        }
        if let Some(metrics) = self.metrics.take() {
            println!("metrics: curl {}", metrics.serve(&mut self.background)?);
        }
        println!("listening on {origin}");

        let served = serve(self.app.clone(), listener, stopped, &mut self.background).await;
        self.background.shutdown().await;
        let last_writes = async {
            if let Some(once) = &self.once {
                once.shutdown().await;
            }
            self.keys.shutdown().await;
            self.database.close().await;
        };
        // A database that hangs must not keep the process.
        let _ = timeout(LAST_WRITES, last_writes).await;
        // The process ends now. To take large caches apart first would only take time.
        std::mem::forget((self.app, self.keys));
        served
    }
}

async fn serve(
    app: Router,
    listener: TcpListener,
    stopped: impl Future<Output = ()> + Send + 'static,
    background: &mut JoinSet<()>,
) -> Result<(), Box<dyn Error>> {
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let (stopping, mut stop) = watch::channel(false);
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        stopped.await;
        stopping.send_replace(true);
    });
    let too_late = async {
        // An error says that the sender is gone: then the serving has ended by itself.
        let _ = stop.wait_for(|stopping| *stopping).await;
        sleep(LAST_REQUESTS).await;
    };
    tokio::select! {
        served = serving => Ok(served?),
        // A client that stalls in the middle of its request must not keep the process.
        () = too_late => Ok(()),
        // It has no end of its own. Without it changes of others would go unnoticed.
        Some(ended) = background.join_next() => Err(match ended {
            Ok(()) => "background work ended".into(),
            Err(panicked) => panicked.into(),
        }),
    }
}

/// Writes the log to standard output; `RUST_LOG` filters it.
pub(crate) fn log_to_stdout() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stdout().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).init();
}

/// `TRUSTED_PROXIES`: the networks whose `X-Forwarded-…` counts.
///
/// # Errors
///
/// One that is none.
pub(crate) fn trusted_proxies(unless_set: &str) -> Result<TrustedProxies, Box<dyn Error>> {
    let networks = std::env::var("TRUSTED_PROXIES").unwrap_or_else(|_| unless_set.to_owned());
    networks.parse().map_err(|error| format!("TRUSTED_PROXIES: {error}").into())
}

fn port() -> Result<u16, Box<dyn Error>> {
    match std::env::var("PORT") {
        Ok(text) => text.parse().map_err(|_| format!("PORT is no port: {text:?}").into()),
        Err(_) => Ok(DEFAULT_PORT),
    }
}

/// Ends at the first Ctrl-C or SIGTERM after its making.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
