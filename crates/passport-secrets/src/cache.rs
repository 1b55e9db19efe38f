//! A cache around a secret provider. Concurrent callers share one read from the provider. During
//! an outage of the provider, callers get the last secret.

mod events;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{
    Clock, JoinOutcome, ResolvedSecret, SecretError, SecretErrorKind, SecretProvider, SecretRef, SharedTask,
    SystemClock, TaskError, TaskLimits, Waiter,
};
use tokio::time::timeout;

use crate::secret_state::{SecretLookup, SecretState};

/// The default of [`CachedSecrets::refresh_interval`]. It is short, so that a rotation is
/// detected within minutes.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// How long a caller waits for a read from the provider before it gets the cached secret.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// The time limits of one read of a secret from the provider. If a secret is cached, callers
/// wait only for [`MAX_WAIT`].
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(30), grace: Duration::from_secs(1) };

/// The maximum number of reads that one caller waits for. A caller waits for another read if
///
/// - the previous read was canceled with its runtime;
/// - the previous read may have begun before Passport rejected the secret.
const MAX_READS: usize = 3;

/// A cache for the secrets of a provider. Concurrent callers share one read from the provider.
/// During an outage of the provider, the cache returns the last secret.
///
/// 1. **Freshness.** A secret is fresh for 5 minutes
///    ([`refresh_interval`](Self::refresh_interval)). The next caller after the 5 minutes starts
///    a read from the provider, which concurrent callers share. A secret with an
///    [expiry](ResolvedSecret::expires_at) is also read again by the first caller after the
///    expiry.
/// 2. **Outages.** If a read fails, or takes longer than 500 ms, callers get the cached secret,
///    for as long as the outage lasts. A read has a deadline of 30 s. The result of a read is
///    cached even if no caller waits for the read.
/// 3. **Backoff.** After a failed read, the provider is not called for about 1 s, 2 s, ... up to
///    60 s. If the provider sent a longer `Retry-After`, it is not called for that time, 10
///    minutes at most. During the backoff, callers get the cached secret. If no secret is
///    cached, callers get the last error immediately.
/// 4. **Definitive errors.** If the secret does not exist, is disabled or is forbidden
///    ([`SecretError::is_definitive`]), the cached secret is removed.
/// 5. **Rejected secrets.** If Passport rejects a secret, the cache reads the secret again
///    immediately, except during the backoff. If the provider returns the rejected secret again,
///    and a rotation replaced another secret less than 10 minutes ago, callers get that previous
///    secret: a node of Passport may not accept the new secret yet.
///
/// Clones share the cache, which has one entry for each reference. A read from the provider runs
/// in a task on the tokio runtime of the caller that started the read.
#[derive(Clone)]
pub struct CachedSecrets<P> {
    provider: Arc<P>,
    refresh_interval: Duration,
    clock: Arc<dyn Clock>,
    entries: Arc<Mutex<HashMap<SecretRef, Arc<SecretEntry>>>>,
}

/// The result of reading a secret from the provider.
type ReadResult = Result<ResolvedSecret, SecretError>;

/// The cache entry of one reference. `state` is locked when a read starts, and when the outcome
/// of a read is recorded. So if a read exceeds its deadline and a later read replaces it, the
/// outcome of the replaced read is discarded.
#[derive(Default)]
struct SecretEntry {
    state: Mutex<SecretState>,
    reads: SharedTask<ReadResult>,
}

/// What a caller of the cache does next.
enum ReadPlan {
    /// Return this result. It is from the cache, without a read from the provider.
    Done(ReadResult),
    /// Wait for the running read from the provider.
    Wait {
        read: Waiter<ReadResult>,
        /// The cached secret, which the caller gets if the read takes longer than [`MAX_WAIT`].
        /// `None` if no secret is cached, or if Passport rejected the cached secret.
        cached: Option<ResolvedSecret>,
        /// Whether another caller started the read. If true, the read may have begun before
        /// Passport rejected the secret, so the read may return the rejected secret.
        joined: bool,
    },
}

impl<P: SecretProvider> CachedSecrets<P> {
    /// Creates an empty cache for the secrets of `provider`.
    #[must_use]
    pub fn new(provider: P) -> Self {
        Self {
            provider: Arc::new(provider),
            refresh_interval: REFRESH_INTERVAL,
            clock: Arc::new(SystemClock),
            entries: Arc::default(),
        }
    }

    /// Sets the age from which the next caller reads a cached secret again from the provider.
    /// Defaults to 5 minutes. If `interval` is zero, each call reads the secret.
    ///
    /// A rotation is detected within this interval, so keep the old secret valid for at least this
    /// interval. During an outage of the provider, the cached secret is used at any age.
    #[must_use]
    pub fn refresh_interval(mut self, interval: Duration) -> Self {
        self.refresh_interval = interval;
        self
    }

    /// Sets the clock that measures the age and the expiry of secrets and the backoff. Defaults to
    /// the clock of the operating system.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Returns the cache entry of `reference`. If there is no entry, creates an empty one.
    fn entry(&self, reference: &SecretRef) -> Arc<SecretEntry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        // `HashMap::entry` alone would clone the reference for each caller.
        match entries.get(reference) {
            Some(entry) => Arc::clone(entry),
            None => Arc::clone(entries.entry(reference.clone()).or_default()),
        }
    }

    /// Returns the secret: the cached secret if it is fresh, otherwise the result of a read from
    /// the provider. If the read is slow, returns the cached secret.
    ///
    /// If Passport has rejected a secret, `rejected` is that secret. Then returns the secret that
    /// the provider has now, even if it equals `rejected`.
    async fn read(
        &self,
        reference: &SecretRef,
        entry: &Arc<SecretEntry>,
        rejected: Option<&ResolvedSecret>,
    ) -> ReadResult {
        let mut last = Err(canceled(reference));
        for _ in 0..MAX_READS {
            match self.plan(reference, entry, rejected) {
                ReadPlan::Done(outcome) => return outcome,
                ReadPlan::Wait { read, cached: Some(cached), .. } => {
                    let read = timeout(MAX_WAIT, read.outcome()).await;
                    return read.ok().and_then(Result::ok).unwrap_or_else(|| {
                        events::record_slow_read(reference);
                        Ok(cached)
                    });
                }
                ReadPlan::Wait { read, joined, .. } => {
                    let Ok(outcome) = read.outcome().await else { continue };
                    last = outcome;
                    // A read that another caller started may have begun before the rejection.
                    if rejected.is_none() || !joined {
                        break;
                    }
                }
            }
        }
        last
    }

    /// Decides how a caller gets its result:
    ///
    /// - If the cache has a result (a fresh secret, or the last error during the backoff), returns
    ///   it.
    /// - If a read from the provider is running, joins it.
    /// - Otherwise starts a read.
    fn plan(
        &self,
        reference: &SecretRef,
        entry: &Arc<SecretEntry>,
        rejected: Option<&ResolvedSecret>,
    ) -> ReadPlan {
        let state = entry.state();
        let requested_at = self.clock.monotonic();
        let cached = match (rejected, state.lookup(requested_at, self.refresh_interval)) {
            (Some(rejected), _) => match state.after_rejection(rejected, requested_at) {
                Some(result) => return ReadPlan::Done(result),
                None => None,
            },
            (None, SecretLookup::Fresh(secret)) => return ReadPlan::Done(Ok(secret)),
            (None, SecretLookup::Failed(error)) => return ReadPlan::Done(Err(error)),
            (None, SecretLookup::Due(cached)) => cached,
        };
        let (attempt, read) = match entry.reads.join_or_start(LIMITS) {
            JoinOutcome::Running(read) => return ReadPlan::Wait { read, cached, joined: true },
            JoinOutcome::Started(attempt, read) => (attempt, read),
        };
        drop(state);
        let number = attempt.generation();
        let complete = {
            let (reference, entry, clock) = (reference.clone(), Arc::clone(entry), Arc::clone(&self.clock));
            move |read| {
                let outcome = outcome_of(read, &reference)?;
                let expires_in = outcome.as_ref().ok().and_then(|secret| time_to_expiry(secret, &*clock));
                Some(entry.record(number, &reference, outcome, expires_in, [requested_at, clock.monotonic()]))
            }
        };
        let work = read_secret(Arc::clone(&self.provider), reference.clone(), rejected.cloned());
        tokio::spawn(attempt.run(work, complete));
        ReadPlan::Wait { read, cached, joined: false }
    }
}

/// Returns the time until `secret` expires. Returns `None` if the provider reported no expiry,
/// or an expiry in the past.
fn time_to_expiry(secret: &ResolvedSecret, clock: &dyn Clock) -> Option<Duration> {
    secret.expires_at()?.duration_since(clock.now()).ok().filter(|time| !time.is_zero())
}

/// Reads a secret from the provider. If Passport has rejected a secret (`rejected`), calls
/// [`SecretProvider::refresh`], which skips the caches of the provider. Returns an error if the
/// secret is blank.
async fn read_secret(
    provider: Arc<impl SecretProvider>,
    reference: SecretRef,
    rejected: Option<ResolvedSecret>,
) -> ReadResult {
    let read = match rejected {
        None => provider.resolve(&reference).await,
        Some(rejected) => provider.refresh(&reference, &rejected).await,
    };
    read.and_then(|secret| secret.non_blank(&reference))
}

/// Returns the outcome that all callers of a read get. If the read exceeded its deadline, the
/// outcome is an error. Returns `None` if the read panicked or its runtime was shut down: the
/// callers then start another read.
fn outcome_of(read: Result<ReadResult, TaskError>, reference: &SecretRef) -> Option<ReadResult> {
    match read {
        Ok(outcome) => Some(outcome),
        Err(failure @ TaskError::DeadlineExceeded) => {
            let reason = "the provider did not respond within 30 s; check the vault and the network";
            let error = SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason);
            Some(Err(error.with_source(failure)))
        }
        Err(TaskError::Panicked | TaskError::Dropped) => None,
    }
}

impl SecretEntry {
    /// Stores the outcome `read` of the read with the generation `number`, and updates metrics and
    /// logs. Returns the outcome for the callers of the read: if the read failed and a secret is
    /// cached, the cached secret, otherwise `read`. If a later read has replaced this one, only
    /// counts it and returns `read`.
    ///
    /// The age of a secret counts from `requested_at`, when the read began. `now` is the time at
    /// which the read ended.
    fn record(
        &self,
        number: u64,
        reference: &SecretRef,
        read: ReadResult,
        expires_in: Option<Duration>,
        [requested_at, now]: [Duration; 2],
    ) -> ReadResult {
        events::count_read(reference, &read);
        let mut state = self.state();
        if !self.reads.is_current(number) {
            return read;
        }
        match read {
            Ok(secret) => {
                let is_rotated = state.record_success(secret.clone(), requested_at, expires_in);
                drop(state);
                events::record_expiry(reference, &secret, expires_in);
                if is_rotated {
                    events::record_rotation(reference, &secret);
                }
                Ok(secret)
            }
            Err(error) => {
                let outcome = state.record_failure(error.clone(), now, fastrand::f64());
                drop(state);
                events::record_failure(reference, &error, outcome.is_ok());
                outcome
            }
        }
    }

    /// Locks and returns the state of the secret.
    fn state(&self) -> MutexGuard<'_, SecretState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: SecretProvider> SecretProvider for CachedSecrets<P> {
    /// # Cancel safety
    /// Dropping the future does not cancel the read from the provider, because other callers may
    /// share the read.
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        self.read(reference, &self.entry(reference), None).await
    }

    async fn refresh(
        &self,
        reference: &SecretRef,
        rejected: &ResolvedSecret,
    ) -> Result<ResolvedSecret, SecretError> {
        let entry = self.entry(reference);
        let current = self.read(reference, &entry, Some(rejected)).await?;
        let previous = entry.state().previous(rejected, self.clock.monotonic());
        Ok(previous.filter(|_| current.has_same_secret(rejected)).unwrap_or(current))
    }
}

/// Returns the error for a caller if all reads that it waited for ended without an outcome.
fn canceled(reference: &SecretRef) -> SecretError {
    let reason = "the read was canceled: its tokio runtime was shut down, or the provider panicked";
    SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason)
}

/// Prints the provider, but no secret.
impl<P: fmt::Debug> fmt::Debug for CachedSecrets<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedSecrets").field("provider", &self.provider).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
