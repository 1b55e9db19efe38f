//! A token source that follows a script.

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

/// A token source that issues `token-1`, `token-2`, ..., which are valid for an hour by default.
/// A test can make the source fail, wait or panic.
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
    /// The clock of the source and of the managers that use it.
    pub(crate) clock: ManualClock,
}

impl ScriptedSource {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_lifetime(Duration::from_secs(3600))
    }

    pub(crate) fn with_lifetime(lifetime: Duration) -> Arc<Self> {
        Arc::new(Self::scripted("token", lifetime))
    }

    /// Creates a source that issues `<prefix>-1`, `<prefix>-2`, ...
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

    /// Makes fetches wait until [`ScriptedSource::release`].
    pub(crate) fn hold(&self) {
        self.permits.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets all fetches continue.
    pub(crate) fn release(&self) {
        self.permits.add_permits(Semaphore::MAX_PERMITS - self.permits.available_permits());
    }

    /// Lets one waiting fetch continue: the fetch that has waited longest.
    pub(crate) fn release_one(&self) {
        self.permits.add_permits(1);
    }

    /// Makes the next fetch fail with an error of `kind`. Each further call makes one more fetch
    /// fail.
    pub(crate) fn fail_next(&self, kind: TokenErrorKind) {
        self.fail_next_with(FetchFailure::of(kind));
    }

    /// Makes the next fetch fail with `failure`. Each further call makes one more fetch fail.
    pub(crate) fn fail_next_with(&self, failure: FetchFailure) {
        self.failures.lock().unwrap().push_back(failure);
    }

    /// Makes all further fetches return `token-1`.
    pub(crate) fn repeat_first_token(&self) {
        self.repeats.store(true, Ordering::SeqCst);
    }

    /// Returns the parameters of the last fetch.
    pub(crate) fn last_request(&self) -> FetchRequest {
        self.requests.lock().unwrap().last().unwrap().clone()
    }

    /// Makes all further fetches panic.
    pub(crate) fn panic_from_now_on(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    /// Returns the number of fetches.
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
