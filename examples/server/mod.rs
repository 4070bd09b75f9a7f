//! What the example servers share: the port, the log, demo keys, an orderly end.

#![allow(clippy::print_stdout, reason = "a server's start tells its operator what to do next")]

use std::error::Error;
use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use keygate::{ApiKey, IssuedKey, KeyFilter, Keyring, KeyringError, NewKey};
use rand::distr::{Alphanumeric, SampleString};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// The port where `PORT` does not name one.
const DEFAULT_PORT: u16 = 3000;

/// How long requests under way have to finish at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A key that is issued where there is none yet, and how to try it.
pub(crate) struct Demo {
    pub(crate) key: NewKey,
    /// A command that can be pasted into a shell.
    pub(crate) command: fn(&ApiKey, origin: &str) -> String,
}

/// The password of the management API's `operator`.
pub(crate) struct Password {
    text: String,
    is_new: bool,
}

impl Password {
    /// `DASHBOARD_PASSWORD`, else a random one that [`serve`] prints.
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

/// Writes the log to standard output; `RUST_LOG` filters it.
pub(crate) fn log_to_stdout() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stdout().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).init();
}

/// Serves on 127.0.0.1 until Ctrl-C or SIGTERM, then lets the requests under way finish.
///
/// # Errors
///
/// A `PORT` that is no port or taken, and a store that takes no demo keys.
pub(crate) async fn serve(
    app: Router,
    keys: Keyring,
    password: &Password,
    demos: Vec<Demo>,
) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port()?)).await?;
    let origin = format!("http://{}", listener.local_addr()?);

    // Before anything is printed: who reads the lines may send SIGTERM at once.
    let stopped = stop_signal()?;
    print_demo_keys(&keys, demos, &origin).await?;
    if password.is_new {
        println!("management API: curl -u operator:{} {origin}/dashboard/api/keys", password.text);
    }
    println!("listening on {origin}");

    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let (stopping, mut stop) = watch::channel(false);
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        stopped.await;
        stopping.send_replace(true);
    });
    let too_late = async {
        // An error says that the sender is gone: then the serving has ended by itself.
        let _ = stop.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        served = serving => served?,
        // A client that stalls in the middle of its request must not keep the process.
        () = too_late => {}
    }
    keys.shutdown().await;
    Ok(())
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

async fn print_demo_keys(
    keys: &Keyring,
    demos: Vec<Demo>,
    origin: &str,
) -> Result<(), KeyringError> {
    if !keys.list(KeyFilter::default().limit(1)).await?.records.is_empty() {
        return Ok(());
    }
    for Demo { key, command } in demos {
        let issued: IssuedKey = keys.issue(key).await?;
        println!("key \"{}\", shown only now: {}", issued.record().name, issued.key().expose());
        println!("    {}", command(issued.key(), origin));
    }
    Ok(())
}
