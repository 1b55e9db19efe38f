//! Four identities, each with two sets of scopes, and three callers share one client and one cache.
//! Whatever happens in whatever order, no request carries a token of anybody but the one in whose
//! name it goes out.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::FutureExt;
use passport_core::{
    AccessToken, CallerToken, HttpClient, ManualClock, ResponseLimits, SecretSource, Transport,
    TransportError,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;
use tokio::sync::Semaphore;

use super::*;
use crate::{CallerIdentity, Identity, ManagedIdentity, RequestIdentity, TokenCache};

const IDENTITIES: usize = 4;
const SCOPES: [&str; 2] = ["openid roles", "openid tenant"];
const CALLERS: usize = 3;

/// Whose name a request goes out in.
const WHOSE: &str = "x-whose";

#[derive(Clone, Debug)]
enum Action {
    CallAsService {
        identity: usize,
        scopes: usize,
    },
    CallAsCaller {
        caller: usize,
        source: CallerSource,
    },
    /// Passport answers who has waited longest.
    Mint,
    /// The receiver answers one of those who wait.
    Respond {
        which: usize,
        rejects: bool,
    },
    Forget {
        identity: usize,
    },
    Later {
        seconds: u64,
    },
}

/// Where a caller is to be found.
#[derive(Clone, Copy, Debug)]
enum CallerSource {
    Given,
    OfRequest,
    OfTask,
    /// Nobody calls, and the service goes out in its own name.
    Absent,
}

fn caller_source() -> impl Strategy<Value = CallerSource> {
    prop_oneof![
        Just(CallerSource::Given),
        Just(CallerSource::OfRequest),
        Just(CallerSource::OfTask),
        Just(CallerSource::Absent)
    ]
}

fn step() -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => (0..IDENTITIES, 0..SCOPES.len())
            .prop_map(|(identity, scopes)| Action::CallAsService { identity, scopes }),
        3 => (0..CALLERS, caller_source()).prop_map(|(caller, source)| Action::CallAsCaller { caller, source }),
        4 => Just(Action::Mint),
        5 => (0..8_usize, any::<bool>()).prop_map(|(which, rejects)| Action::Respond { which, rejects }),
        1 => (0..IDENTITIES).prop_map(|identity| Action::Forget { identity }),
        2 => (1..1_000_u64).prop_map(|seconds| Action::Later { seconds }),
    ]
}

/// Mints tokens that say whose they are, when it is let.
#[derive(Clone, Debug)]
struct SlowPassport {
    may_answer: Arc<Semaphore>,
    minted: Arc<AtomicUsize>,
}

impl HttpClient for SlowPassport {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        self.may_answer.acquire().await.unwrap().forget();
        let basic = request.headers()[AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap();
        let basic = String::from_utf8(BASE64_STANDARD.decode(basic).unwrap()).unwrap();
        let client_id = basic.split(':').next().unwrap();
        let scopes = if request.body().ends_with(b"tenant") { 1 } else { 0 };
        let number = self.minted.fetch_add(1, Ordering::SeqCst);
        let token = format!("{client_id}/{scopes}/{number}");
        let response = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 });
        Ok(Response::new(Bytes::from(response.to_string())))
    }
}

/// How often what is looked for could have gone wrong.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    replays: AtomicUsize,
    as_callers: AtomicUsize,
}

struct World<'a> {
    clock: ManualClock,
    passport: SlowPassport,
    identities: Vec<ManagedIdentity>,
    client: AttachToken<Mock, CloneRequest>,
    receiver: Handle,
    waiting: Vec<mock::SendResponse<MockResponse>>,
    calls: Vec<tokio::task::JoinHandle<Result<(), BoxError>>>,
    seen: &'a Seen,
    /// Which of the calls have been seen already, so that a retry is recognised.
    seen_calls: std::collections::BTreeSet<String>,
}

impl<'a> World<'a> {
    fn new(seen: &'a Seen) -> Self {
        let clock = ManualClock::at_unix_seconds(1_750_000_000);
        let passport = SlowPassport { may_answer: Arc::new(Semaphore::new(0)), minted: Arc::default() };
        let cache = TokenCache::memory();
        let identities: Vec<_> = (0..IDENTITIES)
            .map(|number| {
                ManagedIdentity::builder(format!("mi-{number}"), SecretSource::from_value("secret"))
                    .token_url("https://passport.bizfirst.ai/passport/token")
                    .transport(Transport::new(passport.clone()))
                    .token_cache(cache.clone())
                    .clock(clock.clone())
                    .build()
                    .unwrap()
            })
            .collect();
        let (mock, mut receiver) = mock::pair();
        receiver.allow(u64::MAX);
        let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
        let layer = AttachTokenLayer::new(identities[0].clone(), origins).retry_unauthorized();
        let (waiting, calls, seen_calls) = Default::default();
        Self {
            clock,
            passport,
            identities,
            client: layer.layer(mock),
            receiver,
            waiting,
            calls,
            seen,
            seen_calls,
        }
    }

    async fn take(&mut self, step: Action) {
        match step {
            Action::CallAsService { identity, scopes } => {
                let named = self.identities[identity].with_scopes(SCOPES[scopes]).unwrap();
                self.call(named.into(), &format!("Bearer mi-{identity}/{scopes}/"));
            }
            Action::CallAsCaller { caller, source } => self.call_as(caller, source),
            Action::Mint => self.passport.may_answer.add_permits(1),
            Action::Respond { which, rejects } if !self.waiting.is_empty() => {
                let response = if rejects { rejection_response() } else { Response::new("") };
                let which = which % self.waiting.len();
                self.waiting.swap_remove(which).send_response(response);
            }
            Action::Respond { .. } => {}
            Action::Forget { identity } => self.identities[identity].invalidate(),
            Action::Later { seconds } => self.clock.advance(Duration::from_secs(seconds)),
        }
        self.check_requests().await;
    }

    fn call_as(&mut self, caller: usize, caller_source: CallerSource) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        let token = CallerToken::new(AccessToken::new(&format!("caller-{caller}/"), at).unwrap());
        let own = self.identities[caller].clone();
        let whose = format!("Bearer caller-{caller}/");
        match caller_source {
            CallerSource::Given => self.call(CallerIdentity::from_token(token).or(own), &whose),
            CallerSource::OfRequest => {
                let mut request = self.request(CallerIdentity::from_extensions().or(own), &whose);
                request.extensions_mut().insert(token);
                self.send(request);
            }
            CallerSource::OfTask => {
                let request = self.request(CallerIdentity::from_task_local().or(own), &whose);
                let call = token.scope(self.client.clone().oneshot(request));
                self.calls.push(tokio::spawn(async { call.await.map(drop) }));
            }
            CallerSource::Absent => {
                self.call(CallerIdentity::from_task_local().or(own), &format!("Bearer mi-{caller}/0/"));
            }
        }
    }

    fn call(&mut self, named: Identity, whose: &str) {
        let request = self.request(named, whose);
        self.send(request);
    }

    fn request(&self, named: Identity, whose: &str) -> Request<()> {
        let mut request = request(API);
        request.headers_mut().insert(WHOSE, whose.parse().unwrap());
        request.headers_mut().insert("x-call", self.calls.len().into());
        request.extensions_mut().insert(RequestIdentity::new(named));
        request
    }

    fn send(&mut self, request: Request<()>) {
        let client = self.client.clone();
        self.calls.push(tokio::spawn(async move { client.oneshot(request).await.map(drop) }));
    }

    /// Runs all tasks as far as they can, and checks the requests that arrive.
    async fn check_requests(&mut self) {
        for _ in 0..8 {
            tokio::task::yield_now().await;
            while let Some(Some((request, respond))) = self.receiver.next_request().now_or_never() {
                let (whose, token) = (request.headers()[WHOSE].to_str().unwrap(), token_of(&request));
                assert!(token.starts_with(whose), "`{token}` went out for {whose}");
                self.seen.requests.fetch_add(1, Ordering::Relaxed);
                if token.starts_with("Bearer caller") {
                    self.seen.as_callers.fetch_add(1, Ordering::Relaxed);
                }
                if !self.seen_calls.insert(format!("{:?}", request.headers()["x-call"])) {
                    self.seen.replays.fetch_add(1, Ordering::Relaxed);
                }
                self.waiting.push(respond);
            }
        }
    }

    /// Each call gets a response in the end; or an error, as where a token took longer than it
    /// lives.
    async fn end(mut self) {
        self.passport.may_answer.add_permits(1_000);
        while self.calls.iter().any(|call| !call.is_finished()) {
            self.check_requests().await;
            for respond in self.waiting.drain(..) {
                respond.send_response(Response::new(""));
            }
        }
        for call in self.calls {
            let outcome = call.await.unwrap();
            assert!(outcome.is_ok() || outcome.unwrap_err().is::<TokenError>());
        }
    }
}

#[test]
fn no_request_has_the_token_of_another_in_any_order() {
    let seen = Seen::default();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&prop::collection::vec(step(), 1..80), |steps| {
        runtime.block_on(async {
            let mut world = World::new(&seen);
            for step in steps {
                world.take(step).await;
            }
            world.end().await;
        });
        Ok(())
    });
    outcome.unwrap();
    let counted =
        [&seen.requests, &seen.as_callers, &seen.replays].map(|count| count.load(Ordering::Relaxed));
    assert!(
        counted[0] > 2_000 && counted[1] > 500 && counted[2] > 200,
        "it was put to the test: {counted:?}"
    );
}
