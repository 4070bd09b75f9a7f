//! `/metrics` for Prometheus, on a port of its own: who may call the service need not read them.

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The bounds of a histogram's buckets, in seconds: from a look-up in a file to the patience of a
/// keyring.
const SECONDS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 2.0];

/// How often what was observed is put into its buckets, so that it takes no room while nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Metrics that are kept, and where they will be served.
pub(crate) struct Metrics {
    kept: PrometheusHandle,
    listener: TcpListener,
}

impl Metrics {
    /// Keeps metrics from now on and serves them on `METRICS_PORT` of 127.0.0.1; does neither unless
    /// it is set.
    ///
    /// # Errors
    ///
    /// One that is no port or taken.
    pub(crate) async fn from_env() -> Result<Option<Self>, Box<dyn Error>> {
        let Ok(port) = std::env::var("METRICS_PORT") else { return Ok(None) };
        let port = port.parse().map_err(|_| format!("METRICS_PORT is no port: {port:?}"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|error| format!("port {port} of 127.0.0.1: {error}"))?;
        let kept = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
        Ok(Some(Self { kept, listener }))
    }

    /// Serves them beside the server. Returns their address.
    pub(super) fn serve(self, background: &mut JoinSet<()>) -> Result<String, Box<dyn Error>> {
        let Self { kept, listener } = self;
        let url = format!("http://{}/metrics", listener.local_addr()?);
        let tended = kept.clone();
        background.spawn(async move {
            loop {
                sleep(UPKEEP).await;
                tended.run_upkeep();
            }
        });
        let text = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
        let app = Router::new().route("/metrics", get(async move || (text, kept.render())));
        background.spawn(async move {
            // It ends with the server only.
            let _ = axum::serve(listener, app).await;
        });
        Ok(url)
    }
}
