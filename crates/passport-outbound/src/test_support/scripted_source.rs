//! A source of tokens that follows a script.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use passport_core::{AccessToken, Clock, ManualClock};
use tokio::sync::Semaphore;

use crate::token::{FetchFailure, FetchFuture, FetchRequest, FetchedToken, TokenErrorKind, TokenSource};

/// Issues `token-1`, `token-2`, ... for an hour each. Fails, waits or panics on request.
#[derive(Debug)]
pub(crate) struct ScriptedSource {
    prefix: &'static str,
    calls: AtomicUsize,
    failures: Mutex<VecDeque<FetchFailure>>,
    lifetime: Duration,
    permits: Semaphore,
    panics: AtomicBool,
    repeats: AtomicBool,
    requests: Mutex<Vec<FetchRequest>>,
    /// The clock of the source and of the managers around it.
    pub(crate) clock: ManualClock,
}

impl ScriptedSource {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_lifetime(Duration::from_secs(3600))
    }

    pub(crate) fn with_lifetime(lifetime: Duration) -> Arc<Self> {
        Arc::new(Self::scripted("token", lifetime))
    }

    /// Its tokens are `prefix-1`, `prefix-2`, ...
    pub(crate) fn with_tokens_called(prefix: &'static str) -> Arc<Self> {
        Arc::new(Self::scripted(prefix, Duration::from_secs(3600)))
    }

    fn scripted(prefix: &'static str, lifetime: Duration) -> Self {
        Self {
            prefix,
            calls: AtomicUsize::new(0),
            failures: Mutex::default(),
            lifetime,
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
            panics: AtomicBool::new(false),
            repeats: AtomicBool::new(false),
            requests: Mutex::default(),
            clock: ManualClock::at_unix_seconds(1_750_000_000),
        }
    }

    /// Fetches wait until [`ScriptedSource::release`].
    pub(crate) fn hold(&self) {
        self.permits.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn release(&self) {
        self.permits.add_permits(Semaphore::MAX_PERMITS - self.permits.available_permits());
    }

    /// Releases the fetch that has waited longest.
    pub(crate) fn release_one(&self) {
        self.permits.add_permits(1);
    }

    pub(crate) fn fail_next(&self, kind: TokenErrorKind) {
        self.fail_next_with(FetchFailure::of(kind));
    }

    pub(crate) fn fail_next_with(&self, failure: FetchFailure) {
        self.failures.lock().unwrap().push_back(failure);
    }

    /// Issues `token-1` again and again from now on.
    pub(crate) fn repeat_the_token(&self) {
        self.repeats.store(true, Ordering::SeqCst);
    }

    /// Returns the last request.
    pub(crate) fn last_request(&self) -> FetchRequest {
        self.requests.lock().unwrap().last().unwrap().clone()
    }

    pub(crate) fn panic_from_now_on(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl TokenSource for Arc<ScriptedSource> {
    fn fetch(&self, request: FetchRequest) -> FetchFuture<'_> {
        Box::pin(async {
            let issued_at = self.clock.now();
            self.requests.lock().unwrap().push(request);
            let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            assert!(!self.panics.load(Ordering::SeqCst), "this source panics on purpose");
            self.permits.acquire().await.unwrap().forget();
            let number = if self.repeats.load(Ordering::SeqCst) { 1 } else { number };
            if let Some(failure) = self.failures.lock().unwrap().pop_front() {
                return Err(failure.into());
            }
            let token =
                AccessToken::new(&format!("{}-{number}", self.prefix), issued_at + self.lifetime).unwrap();
            Ok(FetchedToken { token, issued_at, lifetime: self.lifetime, missing_scopes: Vec::new() })
        })
    }
}
