use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, Response};
use http_body::Body;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::answer::{Answer, Content};
use super::fingerprint::{Operation, Who};
use super::flights::{Boarding, First, Told};
use super::held::Held;
use super::keeper::Unanswered;
use super::key::IdempotencyKey;
use super::layer::{Config, Sharing};
use super::{Begin, Begun, Fingerprint, Finish, Lease, OperationId, Token};
use crate::auth::{Demands, caller, lacking, spares};
use crate::{ApiError, ErrorBody, Principal, Refusal, telemetry};

/// A request with a key, as the layer outside and the extractor inside see it.
#[derive(Debug)]
pub(crate) struct Exchange {
    config: Arc<Config>,
    demands: Demands,
    stage: Mutex<Stage>,
    /// Whether a handler has asked what the key stands for.
    entered: AtomicBool,
}

#[derive(Debug)]
enum Stage {
    /// Nothing depends on this request.
    Idle,
    /// A lease was asked for.
    Asking,
    /// The handler runs.
    Running(Held),
    /// The handler refused before it ran: what it takes could not be made of the body.
    Refused(Held),
    /// The handler has written its answer into a transaction of its own.
    Written(Held),
    /// The answer is being kept.
    Settling,
}

/// How a request with a key goes on.
pub(crate) enum Entry {
    /// The handler runs.
    Run,
    /// It was carried out before.
    Replay(Content),
}

impl Exchange {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            demands: Demands::default(),
            stage: Mutex::new(Stage::Idle),
            entered: AtomicBool::new(false),
        }
    }

    /// Where whoever asks something of the caller notes it.
    pub(super) fn demands(&self) -> Demands {
        self.demands.clone()
    }

    /// The largest body that a request may have, in bytes.
    pub(crate) fn max_body(&self) -> usize {
        self.config.max_body
    }

    /// Whether a request can be entered, before its body is read.
    pub(crate) fn check(parts: &Parts) -> Result<(), Refusal> {
        IdempotencyKey::read(&parts.headers)?;
        principal(&parts.extensions)?;
        Ok(())
    }

    /// Takes the lease, or says how else the request goes on.
    ///
    /// `path` is what the client asked for, where routers have cut off a part of it.
    pub(crate) async fn enter(
        &self,
        parts: &Parts,
        path: &str,
        body: &Bytes,
    ) -> Result<Entry, ApiError> {
        self.entered.store(true, Ordering::Relaxed);
        let caller = principal(&parts.extensions)?;
        let operation = self.operation(parts, path, caller)?;
        let fingerprint = Fingerprint::of(parts.uri.query(), &parts.headers, body);
        match self.config.keeper.flights.board((operation, fingerprint)) {
            Boarding::First(first) => {
                // From here on the request goes on even if its client does not.
                *self.stage.lock() = Stage::Asking;
                let (told, stage) = self.ask(operation, fingerprint, first).await;
                *self.stage.lock() = stage;
                if let Some(told) = told {
                    return answered(told, (caller, &parts.extensions));
                }
                telemetry::idempotency("run");
                Ok(Entry::Run)
            }
            Boarding::Later(later) => {
                let told = timeout(self.config.times.deadline, later.told()).await;
                answered(told.unwrap_or(Told::Failed), (caller, &parts.extensions))
            }
        }
    }

    /// What the handler takes could not be made of the request: it does not run.
    pub(crate) fn refuse(&self) {
        let mut stage = self.stage.lock();
        *stage = match mem::replace(&mut *stage, Stage::Idle) {
            Stage::Running(held) => Stage::Refused(held),
            other => other,
        };
    }

    /// What the handler would have kept in a transaction of its own; `None` if the answer is not
    /// one that is kept.
    pub(crate) async fn write<R>(&self, response: Response<R>) -> (Option<Finish>, Response<R>)
    where
        R: ErrorBody + Body,
    {
        let (answer, response) = self.config.written(response, self.demands.noted()).await;
        let mut stage = self.stage.lock();
        let lease = match mem::replace(&mut *stage, Stage::Idle) {
            Stage::Running(mut held) | Stage::Written(mut held) => {
                // The transaction keeps others out, and its row is not to be written meanwhile.
                held.stop_renewing();
                let lease = held.lease;
                *stage = Stage::Written(held);
                Some(lease)
            }
            other => {
                *stage = other;
                None
            }
        };
        let finish = lease.zip(answer);
        let keep = self.config.times.keep;
        (finish.map(|(lease, answer)| Finish::new(lease, answer, keep)), response)
    }

    /// Whether an operation hangs on this request.
    pub(super) fn is_under_way(&self) -> bool {
        !matches!(*self.stage.lock(), Stage::Idle)
    }

    /// Runs it to its end although its client is gone.
    pub(super) fn spawn(&self, rest: impl Future<Output = ()> + Send + 'static) {
        self.config.keeper.tasks.spawn(rest);
    }

    /// Keeps the answer of an operation, or frees its key.
    pub(super) async fn settle<R>(&self, response: Response<R>) -> Response<R>
    where
        R: ErrorBody + Body,
    {
        let stage = mem::replace(&mut *self.stage.lock(), Stage::Settling);
        let response = match stage {
            Stage::Running(held) => {
                let (answer, response) = self.config.written(response, self.demands.noted()).await;
                match answer {
                    Some(answer) => held.finish(answer).await,
                    None => held.release().await,
                }
                response
            }
            // Kept, the answer stays. Where the transaction came to nothing, so did its effect.
            Stage::Refused(held) | Stage::Written(held) => {
                held.release().await;
                response
            }
            Stage::Idle | Stage::Asking | Stage::Settling => {
                // A handler that ran without asking for the key has not kept its promise.
                if response.status().is_success() && !self.entered.load(Ordering::Relaxed) {
                    self.config.keeper.key_ignored();
                }
                response
            }
        };
        *self.stage.lock() = Stage::Idle;
        response
    }

    /// Frees the key of an operation that has no answer.
    pub(super) async fn abandon(&self) {
        let stage = mem::replace(&mut *self.stage.lock(), Stage::Settling);
        if let Stage::Running(held) | Stage::Refused(held) | Stage::Written(held) = stage {
            held.release().await;
        }
        *self.stage.lock() = Stage::Idle;
    }

    fn operation(
        &self,
        parts: &Parts,
        path: &str,
        caller: &Principal,
    ) -> Result<OperationId, Refusal> {
        let who = match self.config.sharing {
            Sharing::Lineage => Who::Lineage(caller.lineage()),
            Sharing::Account => Who::Account(caller.account()),
        };
        Ok(OperationId::of(&Operation {
            namespace: &self.config.namespace,
            who,
            mode: caller.mode(),
            on_behalf_of: caller.on_behalf_of(),
            method: &parts.method,
            path,
            key: &IdempotencyKey::read(&parts.headers)?,
        }))
    }

    /// Asks the store for the lease. `None`: it was given, and is in the stage.
    async fn ask(
        &self,
        operation: OperationId,
        fingerprint: Fingerprint,
        first: First,
    ) -> (Option<Told>, Stage) {
        let (keeper, times) = (&self.config.keeper, self.config.times);
        let lease = Lease::new(operation, Token::unique());
        let begin = Begin {
            lease,
            fingerprint,
            lease_for: times.lease,
            keep_for: times.keep.max(times.lease),
        };
        let told = match keeper.begin(begin, times).await {
            Ok((Begun::Leased, holder)) => {
                first.tell(Told::Running);
                let held = Held::new(lease, (Arc::clone(keeper), times), holder, first);
                return (None, Stage::Running(held));
            }
            Ok((Begun::Running, _)) => Told::Running,
            Ok((Begun::Kept(answer), _)) => Told::Kept(answer),
            Ok((Begun::Reused, _)) => Told::Reused,
            Err(Unanswered) => Told::Failed,
        };
        first.tell(told.clone());
        (Some(told), Stage::Idle)
    }
}

/// Whose operation it is. Callers without a key have none of their own.
fn principal(extensions: &Extensions) -> Result<&Principal, Refusal> {
    caller(extensions)?.ok_or(Refusal::MissingCredential)
}

/// How a request goes on that is not the one to be carried out.
fn answered(told: Told, caller: (&Principal, &Extensions)) -> Result<Entry, ApiError> {
    telemetry::idempotency(told.outcome());
    match told {
        Told::Running => Err(Refusal::IdempotencyKeyInUse.into()),
        Told::Reused => Err(Refusal::IdempotencyKeyReused.into()),
        Told::Failed => Err(Refusal::IdempotencyStoreFailed.into()),
        Told::Kept(answer) => {
            let answer = Answer::read(&answer).map_err(|unreadable| {
                ApiError::from(Refusal::IdempotencyStoreFailed).with_source(unreadable)
            })?;
            replay(answer, caller)
        }
    }
}

/// A caller who may not do any more what was done is not told what came of it. One who lacks only
/// what is in shadow mode might do it again, and so is.
fn replay(
    answer: Answer,
    (caller, extensions): (&Principal, &Extensions),
) -> Result<Entry, ApiError> {
    let mut missing = answer.scopes;
    missing.retain(|scope| !caller.scopes().contains(scope));
    match answer.content {
        _ if !missing.is_empty() && !spares(&missing, extensions) => Err(lacking(caller, missing)),
        Content::Given => Err(Refusal::AnswerNotKept.into()),
        content => Ok(Entry::Replay(content)),
    }
}
