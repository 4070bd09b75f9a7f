use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::{EnvelopeService, RequestIds, UlidRequestIds};
use crate::error::{Envelope, StandardEnvelope};
use crate::{Clock, SystemClock};

/// Gives each request an id and writes every error of the service in one envelope.
///
/// It is the outermost of this crate's layers; see [the module](super) for its rules.
#[derive(Clone)]
#[must_use]
pub struct EnvelopeLayer {
    configuration: Arc<Configuration>,
}

#[derive(Clone)]
pub(super) struct Configuration {
    pub(super) envelope: Arc<dyn Envelope>,
    pub(super) ids: Arc<dyn RequestIds>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) accepts_incoming: bool,
}

impl EnvelopeLayer {
    /// Errors in the [`StandardEnvelope`].
    pub fn standard() -> Self {
        Self::new(StandardEnvelope)
    }

    /// Errors in an envelope of the service's own; see [`Envelope`] for an example.
    pub fn new(envelope: impl Envelope) -> Self {
        Self {
            configuration: Arc::new(Configuration {
                envelope: Arc::new(envelope),
                ids: Arc::new(UlidRequestIds),
                clock: Arc::new(SystemClock),
                accepts_incoming: false,
            }),
        }
    }

    /// Makes the ids in another way. Default: [`UlidRequestIds`].
    ///
    /// ```
    /// use keygate::EnvelopeLayer;
    /// use keygate::envelope::ShortRequestIds;
    ///
    /// let layer = EnvelopeLayer::standard().request_ids(ShortRequestIds);
    /// # let _ = layer;
    /// ```
    pub fn request_ids(mut self, ids: impl RequestIds) -> Self {
        self.configuration_mut().ids = Arc::new(ids);
        self
    }

    /// Keeps the id of a request that comes with a valid `x-request-id`.
    ///
    /// Default: every request gets a new one, and what it came with is removed.
    ///
    /// # Security
    ///
    /// For services behind a proxy that gives the ids: a client that reaches the service itself
    /// chooses what stands in the log. What is not 1 to 128 characters of `A-Z a-z 0-9 . _ -`,
    /// comes twice or could be a key (two words and 22 or more letters and digits, joined by `_`)
    /// is replaced here too.
    pub fn accept_incoming_request_ids(mut self) -> Self {
        self.configuration_mut().accepts_incoming = true;
        self
    }

    /// Takes the time in ids from another clock. Default: [`SystemClock`].
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.configuration_mut().clock = Arc::new(clock);
        self
    }

    /// What a client is sent as this error by a service inside, which knows its headers: for a
    /// document.
    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    pub(crate) fn example<B: crate::ErrorBody>(
        &self,
        error: crate::ApiError,
        id: &str,
    ) -> http::Response<B> {
        use crate::error::{Portion, RequestContext, write};
        let rendered = self.configuration.envelope.render(&error, &RequestContext::new(Some(id)));
        let (parts, ()) = http::Response::new(()).into_parts();
        write(parts, error, rendered, Portion::All)
    }

    /// A request's id in the form that ids have here, and the same each time.
    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    pub(crate) fn example_id(&self) -> String {
        let id = self.configuration.ids.next_id(&*self.configuration.clock);
        let (prefix, drawn) = match id.as_str().rfind('_') {
            Some(at) => id.as_str().split_at(at + 1),
            None => ("", id.as_str()),
        };
        let letters = "0123456789abcdefghjkmnpqrstvwxyz".chars().cycle();
        let drawn = drawn.chars().zip(letters);
        let same =
            drawn.map(|(drawn, letter)| if drawn.is_alphanumeric() { letter } else { drawn });
        prefix.chars().chain(same).collect()
    }

    fn configuration_mut(&mut self) -> &mut Configuration {
        Arc::make_mut(&mut self.configuration)
    }
}

impl<S> Layer<S> for EnvelopeLayer {
    type Service = EnvelopeService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EnvelopeService::new(inner, Arc::clone(&self.configuration))
    }
}

impl fmt::Debug for EnvelopeLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeLayer")
            .field("accepts_incoming", &self.configuration.accepts_incoming)
            .finish_non_exhaustive()
    }
}
