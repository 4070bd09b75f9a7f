use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use parking_lot::RwLock;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, Cmd, RedisResult, Value};

use super::failure::Failure;

/// How long making a connection may take, TLS and password included.
const PATIENCE: Duration = Duration::from_secs(1);

/// What commands go through.
#[derive(Debug)]
pub(crate) enum Wire {
    Own(Box<Own>),
    Given(Box<dyn Given>),
}

/// A connection that is made here, and made anew when it is of no use any more.
pub(crate) struct Own {
    client: Client,
    connection: RwLock<Option<MultiplexedConnection>>,
}

/// A connection that the application made and looks after.
pub(crate) trait Given: fmt::Debug + Send + Sync {
    fn send(&self, command: Cmd) -> Pin<Box<dyn Future<Output = RedisResult<Value>> + Send>>;
}

struct Borrowed<C>(C);

impl Wire {
    pub(crate) fn own(client: Client) -> Self {
        Self::Own(Box::new(Own { client, connection: RwLock::new(None) }))
    }

    pub(crate) fn given<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::Given(Box::new(Borrowed(connection)))
    }

    /// Sends a command, and waits for the answer as long as it takes.
    pub(crate) async fn send(&self, command: Cmd) -> Result<Value, Failure> {
        match self {
            Self::Own(own) => {
                let connection = own.connection.read().clone();
                let mut connection = connection.ok_or(Failure::NOT_CONNECTED)?;
                Ok(connection.send_packed_command(&command).await?)
            }
            Self::Given(given) => Ok(given.send(command).await?),
        }
    }

    /// Makes a new connection. One that was given renews itself.
    pub(crate) async fn renew(&self) -> Result<(), Failure> {
        let Self::Own(own) = self else { return Ok(()) };
        // Deadlines are the askers'.
        let patient = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(None);
        let connecting = own.client.get_multiplexed_async_connection_with_config(&patient);
        *own.connection.write() = Some(connecting.await?);
        Ok(())
    }

    /// Lets go of a connection that is of no use: what waits on it fails.
    pub(crate) fn let_go(&self) {
        if let Self::Own(own) = self {
            *own.connection.write() = None;
        }
    }
}

impl<C> Given for Borrowed<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    fn send(&self, command: Cmd) -> Pin<Box<dyn Future<Output = RedisResult<Value>> + Send>> {
        let mut connection = self.0.clone();
        Box::pin(async move { connection.req_packed_command(&command).await })
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Host and port; the rest of the URL may be a secret.
        let address = self.client.get_connection_info().addr().to_string();
        f.debug_struct("Own").field("address", &address).finish_non_exhaustive()
    }
}

impl<C> fmt::Debug for Borrowed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed").finish_non_exhaustive()
    }
}
