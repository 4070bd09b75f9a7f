use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use tokio::sync::{Notify, Semaphore};
use tower::{Service, ServiceExt};
use tower_layer::Layer;

use super::*;
use crate::auth::tests::fixture::*;
use crate::decision::Decider;
use crate::{
    AccountId, AuthLayer, ManualClock, Mode, NewKey, Principal, RequireScope, Scope, ScopeSet,
};

/// The accounts of `acct_platform`, counting who asks.
#[derive(Clone, Default)]
struct Accounts {
    asked: Arc<AtomicUsize>,
    gate: Option<Arc<Semaphore>>,
    verified: Arc<std::sync::atomic::AtomicBool>,
    fault: Fault,
    started: Arc<Notify>,
}

#[derive(Clone, Copy, Default)]
enum Fault {
    #[default]
    None,
    Fails,
    Panics,
    Hangs,
}

impl AccountDirectory for Accounts {
    async fn connection(
        &self,
        platform: &AccountId,
        account: &AccountId,
        mode: Mode,
    ) -> Result<Option<Connection>, DirectoryError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.started.notify_one();
        match self.fault {
            Fault::None => {}
            Fault::Fails => return Err(DirectoryError::new("the database is down")),
            Fault::Panics => panic!("the directory panicked"),
            Fault::Hangs => std::future::pending().await,
        }
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        if platform.as_str() != "acct_platform" || mode != Mode::Test {
            return Ok(None);
        }
        let (verified, capabilities) = match account.as_str() {
            "acct_bakery" => (true, vec![LinksRead::NAME, LinksWrite::NAME]),
            "acct_florist" => (true, vec![LinksWrite::NAME]),
            "acct_newcomer" => (self.verified.load(Ordering::SeqCst), vec![LinksRead::NAME]),
            _ => return Ok(None),
        };
        Ok(Some(Connection { verified, capabilities: ScopeSet::from_iter(capabilities) }))
    }
}

/// The stack, and a key with `links:read` of `acct_platform`.
struct Stack {
    fixture: Fixture,
    layer: OnBehalfOfLayer,
    key: String,
}

impl Stack {
    async fn new(accounts: &Accounts) -> Self {
        let fixture = Fixture::new();
        let key = fixture.test_key().await;
        Self { fixture, layer: OnBehalfOfLayer::new(accounts.clone()), key }
    }

    async fn send(&self, accounts: &[&[u8]]) -> Answer {
        self.send_with(&self.key, accounts).await
    }

    async fn send_with(&self, key: &str, accounts: &[&[u8]]) -> Answer {
        let bearer = format!("Bearer {key}");
        let mut lines = vec![("authorization", bearer.as_bytes())];
        lines.extend(accounts.iter().map(|account| ("x-on-behalf-of", *account)));
        let stack = self.layer.layer(RequireScope::<LinksRead>::new().layer(shows_the_caller()));
        send(AuthLayer::new(self.fixture.keys.clone()).layer(stack), request(&lines)).await
    }
}

/// Answers `account/on behalf of/scopes`.
fn shows_the_caller()
-> impl Service<Request<Body>, Response = Response<Body>, Error = std::convert::Infallible, Future: Send>
+ Clone
+ Send {
    tower::service_fn(async |request: Request<Body>| {
        let caller = request.extensions().get::<Principal>().unwrap();
        let acting = caller.on_behalf_of().map_or("-", AccountId::as_str);
        let text = format!("{}/{acting}/{:?}", caller.account(), caller.scopes());
        Ok(Response::new(Body::from(text)))
    })
}

#[tokio::test]
async fn p5_the_header_scopes_the_request_to_the_account_and_without_it_nothing_changes() {
    let accounts = Accounts::default();
    let stack = Stack::new(&accounts).await;
    let own = stack.send(&[]).await;
    assert_eq!(own.body, r#"acct_platform/-/{"links:read"}"#);
    assert_eq!(accounts.asked.load(Ordering::SeqCst), 0);
    for _ in 0..3 {
        let bakery = stack.send(&[b"acct_bakery"]).await;
        assert_eq!(bakery.body, r#"acct_platform/acct_bakery/{"links:read"}"#, "key and account");
        assert_eq!(bakery.header("vary"), "x-on-behalf-of");
    }
    assert_eq!(accounts.asked.load(Ordering::SeqCst), 1, "cached");
    assert_eq!(own.header("vary"), "x-on-behalf-of", "its absence decides too");
}

#[tokio::test]
async fn p6_an_account_without_connection_verification_or_capability_is_403_whatever_the_key() {
    let stack = Stack::new(&Accounts::default()).await;
    let mut seen = Vec::new();
    for (account, refusal) in [
        (&b"acct_stranger"[..], "unconnected_account"),
        (b"acct_nobody", "unconnected_account"),
        (b"acct_platform", "unconnected_account"),
        (b"acct_newcomer", "unverified_account"),
    ] {
        for _ in 0..2 {
            let answer = stack.send(&[account]).await;
            assert_eq!((answer.status.as_u16(), answer.refusal()), (403, refusal));
            assert_eq!(answer.header("cache-control"), "no-store");
            seen.push(answer.body);
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "they all look the same: {seen:?}");

    let florist = stack.send(&[b"acct_florist"]).await;
    assert_eq!((florist.status.as_u16(), &*florist.code()), (403, "insufficient_scope"));
    assert!(florist.body.contains("or its connected account lacks"), "{}", florist.body);

    let all = NewKey::named("all").mode(Mode::Test).scope(LinksRead).scope(LinksWrite);
    let all = all.account(AccountId::parse("acct_platform").unwrap());
    let all = stack.fixture.issue(all).await;
    assert_eq!(stack.send_with(&all, &[b"acct_florist"]).await.status, 403);
    let live = NewKey::named("live").mode(Mode::Live).scope(LinksRead);
    let live = live.account(AccountId::parse("acct_platform").unwrap());
    let live = stack.fixture.issue(live).await;
    let answer = stack.send_with(&live, &[b"acct_bakery"]).await;
    assert_eq!(answer.status, 403, "connected in the other mode only");
}

#[tokio::test]
async fn p9_an_empty_repeated_or_malformed_header_is_400_and_never_the_platform_itself() {
    let accounts = Accounts::default();
    let stack = Stack::new(&accounts).await;
    let (long, huge) = ([b'a'; 129], vec![b'a'; 65_536]);
    for lines in [
        &[&b""[..]][..],
        &[b" "],
        &[b"acct_bakery", b"acct_bakery"],
        &[b"acct_bakery", b""],
        &[b"acct_bakery, acct_florist"],
        &[b"acct_bakery,"],
        &[b"acct bakery"],
        &[b"acct_\tbakery"],
        &[b"\"acct_bakery\""],
        &[b"acct_b\xc3\xa4ckerei"],
        &[b"\x80\xff"],
        &[&long],
        &[&huge],
    ] {
        let answer = stack.send(lines).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "invalid_header"));
    }
    assert_eq!(accounts.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_change_is_seen_once_invalidate_has_returned() {
    let accounts = Accounts::default();
    let stack = Stack::new(&accounts).await;
    let newcomer = AccountId::from_static("acct_newcomer");
    assert_eq!(stack.send(&[b"acct_newcomer"]).await.status, 403);
    accounts.verified.store(true, Ordering::SeqCst);
    assert_eq!(stack.send(&[b"acct_newcomer"]).await.status, 403, "cached");
    stack.layer.clone().invalidate(&newcomer);
    assert_eq!(stack.send(&[b"acct_newcomer"]).await.status, 200);
    accounts.verified.store(false, Ordering::SeqCst);
    assert_eq!(stack.send(&[b"acct_newcomer"]).await.status, 200, "cached");
    stack.layer.invalidate(&newcomer);
    assert_eq!(stack.send(&[b"acct_newcomer"]).await.status, 403);
}

#[tokio::test]
async fn every_account_is_asked_for_again_once_invalidate_all_has_returned() {
    let accounts = Accounts::default();
    let stack = Stack::new(&accounts).await;
    for asked in [3, 6] {
        for account in [&b"acct_bakery"[..], b"acct_florist", b"acct_nobody"] {
            stack.send(&[account]).await;
            stack.send(&[account]).await;
        }
        assert_eq!(accounts.asked.load(Ordering::SeqCst), asked);
        stack.layer.clone().invalidate_all();
    }
}

#[tokio::test]
async fn an_answer_on_its_way_during_a_change_is_not_kept() {
    let gate = Arc::new(Semaphore::new(0));
    let accounts = Accounts { gate: Some(Arc::clone(&gate)), ..Accounts::default() };
    let stack = Arc::new(Stack::new(&accounts).await);
    let asking = tokio::spawn({
        let stack = Arc::clone(&stack);
        async move { stack.send(&[b"acct_bakery"]).await.status }
    });
    accounts.started.notified().await;
    stack.layer.invalidate(&AccountId::from_static("acct_bakery"));
    gate.add_permits(2);
    assert_eq!(asking.await.unwrap(), 200, "it began before the change");
    assert_eq!(stack.send(&[b"acct_bakery"]).await.status, 200);
    assert_eq!(accounts.asked.load(Ordering::SeqCst), 2, "asked again");
}

#[tokio::test]
async fn answers_are_believed_for_ten_seconds_and_refusals_for_five() {
    let (accounts, clock) = (Accounts::default(), ManualClock::new());
    let mut stack = Stack::new(&accounts).await;
    stack.layer = OnBehalfOfLayer::new(accounts.clone()).with_clock(clock.clone());
    let asked = || accounts.asked.load(Ordering::SeqCst);
    for (advance, looked_up) in [(0, 2), (4_999, 2), (1, 3), (4_999, 3), (1, 5)] {
        clock.advance(Duration::from_millis(advance));
        stack.send(&[b"acct_bakery"]).await;
        stack.send(&[b"acct_nobody"]).await;
        assert_eq!(asked(), looked_up);
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_fails_panics_or_hangs_is_503_and_nothing_is_kept() {
    // Nobody joins a look-up that failed, or that is past its deadline.
    for fault in [Fault::Fails, Fault::Panics, Fault::Hangs] {
        let accounts = Accounts { fault, ..Accounts::default() };
        let stack = Stack::new(&accounts).await;
        for _ in 0..2 {
            let answer = stack.send(&[b"acct_bakery"]).await;
            assert_eq!((answer.status.as_u16(), &*answer.code()), (503, "unavailable"));
            assert_eq!(answer.header("retry-after"), "1");
            assert!(!answer.body.contains("database"));
        }
        assert_eq!(accounts.asked.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn many_callers_for_one_account_make_one_look_up() {
    let gate = Arc::new(Semaphore::new(0));
    let accounts = Accounts { gate: Some(Arc::clone(&gate)), ..Accounts::default() };
    let stack = Arc::new(Stack::new(&accounts).await);
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move { stack.send(&[b"acct_bakery"]).await.status })
        })
        .collect();
    accounts.started.notified().await;
    callers[7].abort();
    gate.add_permits(100);
    for (number, caller) in callers.into_iter().enumerate() {
        match caller.await {
            Ok(status) => assert_eq!(status, 200),
            Err(gone) => assert!(gone.is_cancelled() && number == 7),
        }
    }
    assert_eq!(accounts.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_an_auth_layer_it_is_500_and_an_anonymous_caller_acts_for_nobody() {
    let fixture = Fixture::new();
    let layer = OnBehalfOfLayer::new(Accounts::default());
    for sent in [request(&[]), request(&[("x-on-behalf-of", b"acct_bakery")])] {
        let answer = send(layer.layer(fixture.inner()), sent).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (500, "misconfigured"));
    }
    assert_eq!(fixture.runs(), 0);
    let outer = AuthLayer::new(fixture.keys.clone()).allow_anonymous();
    let service = outer.layer(layer.layer(fixture.inner()));
    assert_eq!(send(service.clone(), request(&[])).await.status, 200);
    let acting = request(&[("x-on-behalf-of", b"acct_bakery")]);
    assert_eq!(send(service, acting).await.status, 401);
}

#[tokio::test]
async fn the_header_may_have_another_name_and_the_layer_may_be_mounted_twice() {
    let accounts = Accounts::default();
    let stack = Stack::new(&accounts).await;
    let layer = stack.layer.clone().header("X-Account");
    let service = AuthLayer::new(stack.fixture.keys.clone())
        .layer(layer.layer(layer.layer(shows_the_caller())));
    let mut sent = with_bearer(&stack.key);
    sent.headers_mut().insert("x-account", "acct_bakery".parse().unwrap());
    let answer = send(service, sent).await;
    assert_eq!(answer.body, r#"acct_platform/acct_bakery/{"links:read"}"#);
    assert_eq!(accounts.asked.load(Ordering::SeqCst), 1);
    assert!(answer.header("vary").contains("x-account"));
}

#[tokio::test]
async fn a_look_up_that_is_dropped_gives_the_inner_permit_back() {
    let accounts = Accounts { gate: Some(Arc::new(Semaphore::new(0))), ..Accounts::default() };
    let stack = Stack::new(&accounts).await;
    let limited = tower::limit::ConcurrencyLimit::new(shows_the_caller(), 1);
    let mut service = stack.layer.layer(limited);
    let caller = stack.fixture.keys.verify(&stack.key).await.unwrap();
    let mut sent = request(&[("x-on-behalf-of", b"acct_bakery")]);
    sent.extensions_mut().insert(caller);
    let waiting = service.ready().await.unwrap().call(sent);
    drop(waiting);
    service.ready().await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_told_to_the_layer_that_knows_the_platform() {
    let stack = Stack::new(&Accounts::default()).await;
    let (notes, told) = std::sync::mpsc::channel();
    let auth = AuthLayer::new(stack.fixture.keys.clone()).on_decision(move |decision| {
        let platform = decision.principal.map(|caller| caller.account().to_string());
        let reason = decision.refusal.map(crate::Refusal::as_str);
        notes.send((decision.by, reason, platform)).unwrap();
    });
    let service = auth.layer(stack.layer.layer(shows_the_caller()));
    let bearer = format!("Bearer {}", stack.key);
    for (account, reason) in [
        ("acct_stranger", "unconnected_account"),
        ("acct_newcomer", "unverified_account"),
        ("two words", "malformed_on_behalf_of"),
    ] {
        let lines = [("authorization", bearer.as_bytes()), ("x-on-behalf-of", account.as_bytes())];
        send(service.clone(), request(&lines)).await;
        let told: Vec<_> = told.try_iter().skip(1).collect();
        let platform = Some("acct_platform".to_owned());
        assert_eq!(told, [(Decider::OnBehalfOf, Some(reason), platform)]);
    }
}
