//! A request's body that notes whether anybody read it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

/// One frame of bytes. Clones share the note; the frame is each one's own.
#[derive(Clone)]
pub(crate) struct WatchedBody {
    bytes: Option<Bytes>,
    read: Arc<AtomicBool>,
}

impl WatchedBody {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: Some(bytes.into()), read: Arc::default() }
    }

    pub(crate) fn was_read(&self) -> bool {
        self.read.load(Ordering::SeqCst)
    }
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.read.store(true, Ordering::SeqCst);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}
