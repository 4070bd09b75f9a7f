use std::io;
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What is logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// From `INFO` up, for as long as the guards are kept.
    pub(crate) fn kept() -> (Self, [DefaultGuard; 2]) {
        let lines = Self::default();
        let writer = lines.clone();
        // With one subscriber in the process, a place that logs for the first time asks that of its
        // own thread, which may be another test's: with two it asks both.
        let silent = tracing_subscriber::registry().set_default();
        let logging = tracing_subscriber::fmt().with_writer(move || writer.clone());
        (lines, [silent, logging.with_ansi(false).finish().set_default()])
    }

    /// How many lines have these words, so far.
    pub(crate) fn with(&self, words: &str) -> usize {
        self.text().lines().filter(|line| line.contains(words)).count()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}
