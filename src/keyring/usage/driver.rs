use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{self, MissedTickBehavior};

use super::{INTERVAL, Usage};

/// Writes usage every [`INTERVAL`] until the keyring shuts down or is gone.
///
/// It keeps what was counted alive and not the keyring, whose last handle ends it.
pub(in crate::keyring) async fn drive(usage: Arc<Usage>, mut stop: watch::Receiver<bool>) {
    let mut rounds = time::interval_at(time::Instant::now() + INTERVAL, INTERVAL);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let work = async {
        loop {
            rounds.tick().await;
            usage.flush().await;
        }
    };
    // A batch on its way is given up: it can be sent again, for its number tells.
    tokio::select! {
        biased;
        _ = stop.changed() => {}
        () = work => {}
    }
}
