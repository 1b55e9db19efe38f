//! Tests with many callers on several threads, for races between reading the installed keys and
//! taking the lock, and tests of responses that a dev Passport does not send.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use passport_core::{HttpClient, ManualClock, ResponseLimits, Transport, TransportError, TransportErrorKind};
use passport_dev::DevPassport;
use url::Url;

use crate::{JwksState, TokenVerifier, TokenVerifierBuilder};

const ROUNDS: usize = 150;
const CALLERS: usize = 64;

/// An HTTP client that responds to every request with the current key set.
#[derive(Clone, Debug, Default)]
struct InMemory {
    keys: Arc<Mutex<Bytes>>,
    fetches: Arc<AtomicUsize>,
    panics: bool,
    /// The only path that returns the keys; all other paths return 404. `None` if all paths return
    /// the keys.
    only_at: Option<&'static str>,
}

impl HttpClient for InMemory {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        assert!(!self.panics, "this client panics intentionally");
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.only_at.is_some_and(|path| path != request.uri().path()) {
            return Ok(Response::builder().status(404).body(Bytes::new()).expect("a status and no body"));
        }
        Ok(Response::new(self.keys.lock().unwrap().clone()))
    }
}

impl InMemory {
    async fn load_from(&self, passport: &DevPassport) {
        let url = Url::parse(&format!("{}/.well-known/jwks.json", passport.issuer())).unwrap();
        let limits = ResponseLimits { timeout: Duration::from_secs(5), max_body: 100_000 };
        let keys = Transport::default().get(&url, limits).await.unwrap().into_body();
        *self.keys.lock().unwrap() = keys;
    }

    fn verifier(&self, passport: &DevPassport) -> TokenVerifier {
        self.builder(passport).build().unwrap()
    }

    fn builder(&self, passport: &DevPassport) -> TokenVerifierBuilder {
        TokenVerifier::builder(passport.audience())
            .issuer(passport.issuer())
            .jwks_url(format!("{}/passport/.well-known/jwks.json", passport.issuer()))
            .transport(Transport::new(self.clone()))
    }
}

async fn verify_concurrently(verifier: &TokenVerifier, token: &Arc<str>) {
    let callers = (0..CALLERS).map(|_| {
        let (verifier, token) = (verifier.clone(), Arc::clone(token));
        tokio::spawn(async move { verifier.verify(&token).await })
    });
    for outcome in join_all(callers).await {
        outcome.unwrap().expect("a valid token is never rejected");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn first_calls_on_many_threads_cause_one_fetch() {
    let (passport, issuer) = (DevPassport::start().await.unwrap(), InMemory::default());
    issuer.load_from(&passport).await;
    let token: Arc<str> = passport.user_token("u").build().into();
    for round in 1..=ROUNDS {
        verify_concurrently(&issuer.verifier(&passport), &token).await;
        assert_eq!(issuer.fetches.load(Ordering::SeqCst), round);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn rotation_under_load_causes_one_fetch_and_no_401() {
    let (passport, issuer) = (DevPassport::start().await.unwrap(), InMemory::default());
    issuer.load_from(&passport).await;
    let before = issuer.keys.lock().unwrap().clone();
    let old: Arc<str> = passport.user_token("u").build().into();
    passport.rotate_keys().await;
    issuer.load_from(&passport).await;
    let after = issuer.keys.lock().unwrap().clone();
    let new: Arc<str> = passport.user_token("u").build().into();
    for round in 1..=ROUNDS {
        *issuer.keys.lock().unwrap() = before.clone();
        let verifier = issuer.verifier(&passport);
        verifier.verify(&old).await.unwrap();
        *issuer.keys.lock().unwrap() = after.clone();
        verify_concurrently(&verifier, &new).await;
        assert_eq!(issuer.fetches.load(Ordering::SeqCst), 2 * round);
    }
}

#[tokio::test]
async fn panic_in_the_transport_is_a_failed_refresh() {
    let passport = DevPassport::start().await.unwrap();
    let issuer = InMemory { panics: true, ..InMemory::default() };
    let verifier = issuer.verifier(&passport);
    let error = verifier.verify(&passport.user_token("u").build()).await.unwrap_err();
    match error {
        crate::VerifyError::KeysUnavailable { retry_after, .. } => {
            assert!(retry_after.as_secs() <= 1, "{retry_after:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(verifier.jwks_health().failures(), 1);
}

#[tokio::test]
async fn response_over_the_size_limit_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let issuer = InMemory::default();
    *issuer.keys.lock().unwrap() = Bytes::from(vec![b' '; 300 * 1024]);
    let limits = ResponseLimits { timeout: Duration::from_secs(5), max_body: 256 * 1024 };
    let url = Url::parse(passport.issuer()).unwrap();
    let error = Transport::new(issuer).get(&url, limits).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::TooLarge);
}

#[tokio::test]
async fn other_location_is_tried_once_after_a_404() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.user_token("u").build();
    for (only_at, found) in [("/.well-known/jwks.json", true), ("/other", false)] {
        let issuer = InMemory { only_at: Some(only_at), ..InMemory::default() };
        issuer.load_from(&passport).await;
        assert_eq!(issuer.verifier(&passport).verify(&token).await.is_ok(), found, "{only_at}");
        assert_eq!(issuer.fetches.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn refresh_task_on_a_stalled_runtime_is_replaced() {
    let current_thread = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (frozen, driven) = (current_thread(), current_thread());
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let issuer = InMemory::default();
    let passport = driven.block_on(DevPassport::builder().clock(clock.clone()).start()).unwrap();
    driven.block_on(issuer.load_from(&passport));
    let verifier = issuer.builder(&passport).clock(clock.clone()).build().unwrap();
    let token = passport.user_token("u").build();
    frozen.block_on(verifier.verify(&token)).unwrap();
    driven.block_on(async {
        clock.advance(Duration::from_secs(600));
        verifier.verify(&token).await.unwrap();
        while verifier.jwks_health().state() != JwksState::Fresh {
            tokio::task::yield_now().await;
        }
        // The refresh task refreshes the keys again, without a further verification.
        clock.advance(Duration::from_secs(600));
        verifier.pipeline().first_issuer().jwks.wake_refresh_task();
        while issuer.fetches.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
    });
}
