//! What the unit tests of this crate share: a source of tokens that does as it is told, and engines around it.

pub(crate) mod in_memory_passport;
pub(crate) mod in_memory_store;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use passport_core::{AccessToken, Clock, ManualClock, SecretSource};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ManagedIdentity, TokenErrorKind,
    identity::IdentitySpec,
    token::{
        DEFAULT_THRESHOLD, Failure, FetchFuture, FetchRequest, FetchedToken, RefreshPolicy, Retention,
        TokenEntry, TokenManager, TokenSource,
    },
};

/// Mints `token-1`, `token-2`, ... for an hour each, unless a failure is next in line or it is held.
#[derive(Debug)]
pub(crate) struct ScriptedSource {
    prefix: &'static str,
    calls: AtomicUsize,
    failures: Mutex<VecDeque<Failure>>,
    lifetime: Duration,
    gate: Semaphore,
    panics: AtomicBool,
    repeats: AtomicBool,
    asked: Mutex<Vec<FetchRequest>>,
    /// What it and the engines around it go by.
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
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            panics: AtomicBool::new(false),
            repeats: AtomicBool::new(false),
            asked: Mutex::default(),
            clock: ManualClock::at_unix_seconds(1_750_000_000),
        }
    }

    /// Whoever asks waits until [`ScriptedSource::release`].
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn release(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS - self.gate.available_permits());
    }

    /// Lets the one go who has waited longest.
    pub(crate) fn release_one(&self) {
        self.gate.add_permits(1);
    }

    pub(crate) fn fail_next(&self, kind: TokenErrorKind) {
        self.fail_next_with(Failure::of(kind));
    }

    pub(crate) fn fail_next_with(&self, failure: Failure) {
        self.failures.lock().unwrap().push_back(failure);
    }

    /// Every token is `token-1` from now on.
    pub(crate) fn repeat_the_token(&self) {
        self.repeats.store(true, Ordering::SeqCst);
    }

    /// What it was asked last.
    pub(crate) fn last_ask(&self) -> FetchRequest {
        self.asked.lock().unwrap().last().unwrap().clone()
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
            self.asked.lock().unwrap().push(request);
            let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            assert!(!self.panics.load(Ordering::SeqCst), "this source panics on purpose");
            self.gate.acquire().await.unwrap().forget();
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

pub(crate) fn manager(source: &Arc<ScriptedSource>) -> Arc<TokenManager> {
    Arc::new(manager_value(source, Arc::default()))
}

pub(crate) fn manager_that_retains(source: &Arc<ScriptedSource>, retention: Retention) -> Arc<TokenManager> {
    Arc::new(manager_value(source, Arc::new(TokenEntry::new(retention))))
}

pub(crate) fn manager_with_entry(source: &Arc<ScriptedSource>, entry: &Arc<TokenEntry>) -> Arc<TokenManager> {
    Arc::new(manager_value(source, Arc::clone(entry)))
}

pub(crate) fn identity(source: &Arc<ScriptedSource>) -> ManagedIdentity {
    identity_around(manager_value(source, Arc::default()))
}

/// An identity whose usual token comes from `engine`.
pub(crate) fn identity_around(manager: TokenManager) -> ManagedIdentity {
    let builder = ManagedIdentity::builder("mi-test", SecretSource::fixed("unused"));
    let (recipe, scopes) = builder.checked().unwrap();
    let recipe = IdentitySpec { life: manager.life.clone(), attempts: manager.attempts.clone(), ..recipe };
    ManagedIdentity::with_manager(manager, recipe, scopes)
}

pub(crate) const POLICY: RefreshPolicy = RefreshPolicy { threshold: DEFAULT_THRESHOLD, jitter: 0.0 };

fn manager_value(source: &Arc<ScriptedSource>, entry: Arc<TokenEntry>) -> TokenManager {
    manager_over(Box::new(Arc::clone(source)), source, entry)
}

pub(crate) fn manager_over(
    source: Box<dyn TokenSource>,
    script: &ScriptedSource,
    entry: Arc<TokenEntry>,
) -> TokenManager {
    TokenManager {
        client_id: "mi-test".parse().unwrap(),
        source,
        entry,
        policy: POLICY,
        attempt_timeout: Duration::from_secs(10),
        clock: Arc::new(script.clock.clone()),
        life: CancellationToken::new(),
        attempts: TaskTracker::new(),
    }
}

/// What `work` measures, by name and labels other than the client id: the count of a counter, the last value of others.
pub(crate) async fn measured(work: impl Future<Output = ()>) -> BTreeMap<String, f64> {
    let recorder = DebuggingRecorder::new();
    {
        let _guard = metrics::set_default_local_recorder(&recorder);
        work.await;
    }
    let metrics = recorder.snapshotter().snapshot().into_vec().into_iter();
    metrics
        .map(|(key, _, _, value)| {
            let labels = key.key().labels().filter(|label| label.key() != "client_id");
            let words = [key.key().name()].into_iter().chain(labels.map(metrics::Label::value));
            let value = match value {
                #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => *value,
                DebugValue::Histogram(values) => values.last().map_or(0.0, |value| **value),
            };
            (words.collect::<Vec<_>>().join(" "), value)
        })
        .collect()
}
