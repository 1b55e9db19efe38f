//! Property test: four identities, each with two sets of scopes, and three callers share one
//! client and one cache. In any order of events, each request carries a token of the request's
//! own identity.

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

/// A request header with the expected beginning of the `Authorization` header.
const EXPECTED: &str = "x-expected";

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
    /// Passport responds to the oldest token request.
    IssueToken,
    /// The receiver responds to the open request with the index `which`, modulo the number of open
    /// requests.
    Respond {
        which: usize,
        rejects: bool,
    },
    Invalidate {
        identity: usize,
    },
    AdvanceClock {
        seconds: u64,
    },
}

/// The source of a caller token.
#[derive(Clone, Copy, Debug)]
enum CallerSource {
    Given,
    Extensions,
    TaskLocal,
    /// There is no caller's token, and the service uses its own identity.
    Absent,
}

fn caller_source() -> impl Strategy<Value = CallerSource> {
    prop_oneof![
        Just(CallerSource::Given),
        Just(CallerSource::Extensions),
        Just(CallerSource::TaskLocal),
        Just(CallerSource::Absent)
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => (0..IDENTITIES, 0..SCOPES.len())
            .prop_map(|(identity, scopes)| Action::CallAsService { identity, scopes }),
        3 => (0..CALLERS, caller_source()).prop_map(|(caller, source)| Action::CallAsCaller { caller, source }),
        4 => Just(Action::IssueToken),
        5 => (0..8_usize, any::<bool>()).prop_map(|(which, rejects)| Action::Respond { which, rejects }),
        1 => (0..IDENTITIES).prop_map(|identity| Action::Invalidate { identity }),
        2 => (1..1_000_u64).prop_map(|seconds| Action::AdvanceClock { seconds }),
    ]
}

/// A token endpoint that responds when the test permits it. The value of each token contains the
/// client id, the scopes and the number of the token.
#[derive(Clone, Debug)]
struct SlowPassport {
    permits: Arc<Semaphore>,
    issued: Arc<AtomicUsize>,
}

impl HttpClient for SlowPassport {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        self.permits.acquire().await.unwrap().forget();
        let basic = request.headers()[AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap();
        let basic = String::from_utf8(BASE64_STANDARD.decode(basic).unwrap()).unwrap();
        let client_id = basic.split(':').next().unwrap();
        let scopes = if request.body().ends_with(b"tenant") { 1 } else { 0 };
        let number = self.issued.fetch_add(1, Ordering::SeqCst);
        let token = format!("{client_id}/{scopes}/{number}");
        let response = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 });
        Ok(Response::new(Bytes::from(response.to_string())))
    }
}

/// The numbers of checked requests: all requests, retries, and requests with a caller's token.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    retries: AtomicUsize,
    as_callers: AtomicUsize,
}

struct World<'a> {
    clock: ManualClock,
    passport: SlowPassport,
    identities: Vec<ManagedIdentity>,
    client: AttachToken<Mock, RetryCloned>,
    receiver: Handle,
    waiting: Vec<mock::SendResponse<MockResponse>>,
    calls: Vec<tokio::task::JoinHandle<Result<(), BoxError>>>,
    seen: &'a Seen,
    /// The calls whose first request was received. Another request of such a call is a retry.
    seen_calls: std::collections::BTreeSet<String>,
}

impl<'a> World<'a> {
    fn new(seen: &'a Seen) -> Self {
        let clock = ManualClock::at_unix_seconds(1_750_000_000);
        let passport = SlowPassport { permits: Arc::new(Semaphore::new(0)), issued: Arc::default() };
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

    async fn apply(&mut self, action: Action) {
        match action {
            Action::CallAsService { identity, scopes } => {
                let named = self.identities[identity].with_scopes(SCOPES[scopes]).unwrap();
                self.call(named.into(), &format!("Bearer mi-{identity}/{scopes}/"));
            }
            Action::CallAsCaller { caller, source } => self.call_as(caller, source),
            Action::IssueToken => self.passport.permits.add_permits(1),
            Action::Respond { which, rejects } if !self.waiting.is_empty() => {
                let response = if rejects { rejection_response() } else { Response::new("") };
                let which = which % self.waiting.len();
                self.waiting.swap_remove(which).send_response(response);
            }
            Action::Respond { .. } => {}
            Action::Invalidate { identity } => self.identities[identity].invalidate(),
            Action::AdvanceClock { seconds } => self.clock.advance(Duration::from_secs(seconds)),
        }
        self.check_requests().await;
    }

    fn call_as(&mut self, caller: usize, caller_source: CallerSource) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        let token = CallerToken::new(AccessToken::new(&format!("caller-{caller}/"), at).unwrap());
        let own = self.identities[caller].clone();
        let expected = format!("Bearer caller-{caller}/");
        match caller_source {
            CallerSource::Given => self.call(CallerIdentity::from_token(token).or(own), &expected),
            CallerSource::Extensions => {
                let mut request = self.request(CallerIdentity::from_extensions().or(own), &expected);
                request.extensions_mut().insert(token);
                self.send(request);
            }
            CallerSource::TaskLocal => {
                let request = self.request(CallerIdentity::from_task_local().or(own), &expected);
                let call = token.scope(self.client.clone().oneshot(request));
                self.calls.push(tokio::spawn(async { call.await.map(drop) }));
            }
            CallerSource::Absent => {
                self.call(CallerIdentity::from_task_local().or(own), &format!("Bearer mi-{caller}/0/"));
            }
        }
    }

    fn call(&mut self, named: Identity, expected: &str) {
        let request = self.request(named, expected);
        self.send(request);
    }

    fn request(&self, named: Identity, expected: &str) -> Request<()> {
        let mut request = request(API);
        request.headers_mut().insert(EXPECTED, expected.parse().unwrap());
        request.headers_mut().insert("x-call", self.calls.len().into());
        request.extensions_mut().insert(RequestIdentity::new(named));
        request
    }

    fn send(&mut self, request: Request<()>) {
        let client = self.client.clone();
        self.calls.push(tokio::spawn(async move { client.oneshot(request).await.map(drop) }));
    }

    /// Runs all tasks until they wait, and checks the requests that the receiver gets.
    async fn check_requests(&mut self) {
        for _ in 0..8 {
            tokio::task::yield_now().await;
            while let Some(Some((request, respond))) = self.receiver.next_request().now_or_never() {
                let (expected, token) = (request.headers()[EXPECTED].to_str().unwrap(), token_of(&request));
                assert!(token.starts_with(expected), "`{token}` was sent instead of {expected}");
                self.seen.requests.fetch_add(1, Ordering::Relaxed);
                if token.starts_with("Bearer caller") {
                    self.seen.as_callers.fetch_add(1, Ordering::Relaxed);
                }
                if !self.seen_calls.insert(format!("{:?}", request.headers()["x-call"])) {
                    self.seen.retries.fetch_add(1, Ordering::Relaxed);
                }
                self.waiting.push(respond);
            }
        }
    }

    /// Responds to all requests. Each call must end with a response or with a [`TokenError`], for
    /// example because a token expired before it was received.
    async fn end(mut self) {
        self.passport.permits.add_permits(1_000);
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
    let outcome = runner.run(&prop::collection::vec(action(), 1..80), |actions| {
        runtime.block_on(async {
            let mut world = World::new(&seen);
            for action in actions {
                world.apply(action).await;
            }
            world.end().await;
        });
        Ok(())
    });
    outcome.unwrap();
    let counted =
        [&seen.requests, &seen.as_callers, &seen.retries].map(|count| count.load(Ordering::Relaxed));
    assert!(
        counted[0] > 2_000 && counted[1] > 500 && counted[2] > 200,
        "enough requests of each kind: {counted:?}"
    );
}
