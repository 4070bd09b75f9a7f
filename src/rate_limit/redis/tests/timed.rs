//! A real Redis whose clock is the test's.

use std::sync::atomic::AtomicU64;

use redis::aio::MultiplexedConnection;
use redis::{Arg, Client, Script};

use super::*;

/// Runs the very script, with a time that is handed to it in the place of its own, and without
/// expiry, which is by the clock of the machine.
#[derive(Clone)]
pub(super) struct Timed {
    connection: MultiplexedConnection,
    script: Arc<str>,
    /// In microseconds.
    pub(super) now: Arc<AtomicU64>,
}

impl Timed {
    pub(super) async fn connect(url: &str, now: u64) -> Self {
        let source = include_str!("../gcra.lua");
        let mut timed = source.to_owned();
        for (production, test) in [
            ("call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}"),
            (", 'PX', ceil(gone / rate / 1000) + 1)", ")"),
        ] {
            assert_eq!(source.matches(production).count(), 1, "{production}");
            timed = timed.replace(production, test);
        }
        let mut connection =
            Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
        let script = Script::new(&timed).load_async(&mut connection).await.unwrap();
        Self { connection, script: script.into(), now: Arc::new(AtomicU64::new(now)) }
    }

    pub(super) fn limiter(&self) -> RedisLimiter {
        // A busy machine is not what these tests are about.
        RedisLimiter::over(self.clone()).deadline(Duration::from_secs(60))
    }
}

/// Asks Redis each time: it remembers no refusal.
#[derive(Debug)]
pub(super) struct Forgetful(pub(super) Timed);

impl Limiter for Forgetful {
    fn charge(&self, charges: &[Charge<'_>], asked: Asked<'_>) -> Answer {
        self.0.limiter().charge(charges, asked)
    }
}

impl std::fmt::Debug for Timed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timed").finish_non_exhaustive()
    }
}

impl ConnectionLike for Timed {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        let now = self.now.load(Ordering::SeqCst);
        let words = command.args_iter().map(|arg| match arg {
            Arg::Simple(word) => word.to_vec(),
            other => panic!("{other:?}"),
        });
        let mut words: Vec<_> = words.collect();
        assert_eq!(words[0], b"EVALSHA");
        words[1] = self.script.as_bytes().to_vec();
        let mut timed = Cmd::new();
        timed.arg(words).arg(now / 1_000_000).arg(now % 1_000_000);
        Box::pin(async move { self.connection.send_packed_command(&timed).await })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        _: &'a Pipeline,
        _: usize,
        _: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        unreachable!("each decision is one command")
    }

    fn get_db(&self) -> i64 {
        0
    }
}
