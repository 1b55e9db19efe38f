//! What the unit tests of this crate share: a source of tokens that does as it is told, and engines around it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use passport_core::ManualClock;
use tokio::sync::Semaphore;

use crate::{
    ManagedIdentity, TokenErrorKind,
    cache::Slot,
    engine::{Engine, MintFuture, Minted, TokenSource},
    error::Failure,
    refresh::{DEFAULT_THRESHOLD, RefreshPolicy},
};

/// Mints `token-1`, `token-2`, ... for an hour each, unless a failure is next in line or it is held.
#[derive(Debug)]
pub(crate) struct ScriptedSource {
    calls: AtomicUsize,
    failures: Mutex<VecDeque<TokenErrorKind>>,
    lifetime: Duration,
    gate: Semaphore,
    panics: AtomicBool,
}

impl ScriptedSource {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_lifetime(Duration::from_secs(3600))
    }

    pub(crate) fn with_lifetime(lifetime: Duration) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicUsize::new(0),
            failures: Mutex::default(),
            lifetime,
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            panics: AtomicBool::new(false),
        })
    }

    /// Whoever asks waits until [`ScriptedSource::release`].
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn release(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS - self.gate.available_permits());
    }

    pub(crate) fn fail_next(&self, kind: TokenErrorKind) {
        self.failures.lock().unwrap().push_back(kind);
    }

    pub(crate) fn panic_from_now_on(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl TokenSource for Arc<ScriptedSource> {
    fn mint(&self) -> MintFuture<'_> {
        Box::pin(async {
            let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            assert!(!self.panics.load(Ordering::SeqCst), "this source panics on purpose");
            self.gate.acquire().await.unwrap().forget();
            match self.failures.lock().unwrap().pop_front() {
                Some(kind) => Err(Failure::of(kind)),
                None => Ok(Minted { access_token: format!("token-{number}"), lifetime: self.lifetime }),
            }
        })
    }
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::at_unix_seconds(1_750_000_000)
}

pub(crate) fn engine(source: &Arc<ScriptedSource>, clock: &ManualClock) -> Arc<Engine> {
    Arc::new(unshared_engine(source, clock))
}

pub(crate) fn identity(source: &Arc<ScriptedSource>) -> ManagedIdentity {
    ManagedIdentity::new(unshared_engine(source, &clock()))
}

fn unshared_engine(source: &Arc<ScriptedSource>, clock: &ManualClock) -> Engine {
    Engine {
        client_id: "mi-test".parse().unwrap(),
        source: Box::new(Arc::clone(source)),
        slot: Arc::new(Slot::default()),
        policy: RefreshPolicy { threshold: DEFAULT_THRESHOLD, jitter: 0.0 },
        attempt_timeout: Duration::from_secs(10),
        clock: Arc::new(clock.clone()),
    }
}
