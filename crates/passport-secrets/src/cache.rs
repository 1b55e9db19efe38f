//! A cache around a provider: one shared read for all callers, and the last secret during an outage.

mod events;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{
    Clock, Joined, ResolvedSecret, SecretError, SecretErrorKind, SecretProvider, SecretRef, SharedTask,
    SystemClock, TaskFailure, TaskLimits, Waiter,
};
use tokio::time::timeout;

use crate::secret_state::{SecretLookup, SecretState};

/// How long secrets are trusted.
const TIME_TO_LIVE: Duration = Duration::from_secs(5 * 60);

/// How long a caller that has a secret waits for the provider.
const PATIENCE: Duration = Duration::from_millis(500);

/// The longest that a provider may take.
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(30), grace: Duration::from_secs(1) };

/// How many reads a caller waits for: one may be lost with its runtime, one may have begun before a
/// rejection.
const TRIES: usize = 3;

/// A cache for the secrets of a provider, which also bridges its outages.
///
/// - A secret is fresh for 5 minutes ([`time_to_live`](Self::time_to_live)); the next caller then
///   reads it again. Concurrent callers share one read.
/// - While the provider is down, or takes more than half a second, callers get the secret that was
///   read before, for as long as the outage lasts; a late secret is there for the next caller.
///   After a failure the provider is not asked for about 1 s, 2 s, ... up to a minute, or for as
///   long as it requests (10 min at most); until then, a caller without a cached secret gets the
///   error immediately.
/// - If the provider says that the secret does not exist, is disabled or may not be read
///   ([`SecretError::is_definitive`]), the cached secret is removed.
/// - A secret that Passport has rejected is read again immediately, whatever its age, unless the
///   provider is backed off. If the provider has no other one, the previous secret is tried, for
///   10 min: a node of Passport may not know the new one yet.
/// - A secret that [ends](ResolvedSecret::expires_at) is read again at that moment.
///
/// Clones share the cache, which has one secret for each reference. Reads run in tasks of the
/// caller's tokio runtime.
#[derive(Clone)]
pub struct CachedSecrets<P> {
    provider: Arc<P>,
    time_to_live: Duration,
    clock: Arc<dyn Clock>,
    entries: Arc<Mutex<HashMap<SecretRef, Arc<SecretEntry>>>>,
}

type ReadResult = Result<ResolvedSecret, SecretError>;

/// One secret. A read begins, and its outcome is recorded, with the state locked: the outcome of an
/// abandoned read is not.
#[derive(Default)]
struct SecretEntry {
    state: Mutex<SecretState>,
    reads: SharedTask<ReadResult>,
}

/// What a caller does.
enum ReadPlan {
    /// Uses the cached secret or error.
    Done(ReadResult),
    /// Waits for a read.
    Wait {
        read: Waiter<ReadResult>,
        /// The secret to use if the read takes long. None after a rejection.
        previous: Option<ResolvedSecret>,
        /// Whether the read was running already.
        joined: bool,
    },
}

impl<P: SecretProvider> CachedSecrets<P> {
    /// Creates an empty cache for the secrets of `provider`.
    #[must_use]
    pub fn new(provider: P) -> Self {
        Self {
            provider: Arc::new(provider),
            time_to_live: TIME_TO_LIVE,
            clock: Arc::new(SystemClock),
            entries: Arc::default(),
        }
    }

    /// Sets how long a secret is fresh. Defaults to 5 min: after a rotation, keep the old secret
    /// valid for that long. With zero, each call reads it, and an outage is still bridged.
    #[must_use]
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = time;
        self
    }

    /// Reads the time from `clock`. Defaults to the operating system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn entry(&self, reference: &SecretRef) -> Arc<SecretEntry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the first caller copies the reference.
        match entries.get(reference) {
            Some(entry) => Arc::clone(entry),
            None => Arc::clone(entries.entry(reference.clone()).or_default()),
        }
    }

    /// Returns the secret, or the one that the provider has after `rejected`.
    async fn read(
        &self,
        reference: &SecretRef,
        entry: &Arc<SecretEntry>,
        rejected: Option<&ResolvedSecret>,
    ) -> ReadResult {
        let mut last = Err(lost(reference));
        for _ in 0..TRIES {
            match self.plan(reference, entry, rejected) {
                ReadPlan::Done(outcome) => return outcome,
                ReadPlan::Wait { read, previous: Some(previous), .. } => {
                    let read = timeout(PATIENCE, read.outcome()).await;
                    return read.ok().and_then(Result::ok).unwrap_or_else(|| {
                        events::late(reference);
                        Ok(previous)
                    });
                }
                ReadPlan::Wait { read, joined, .. } => {
                    let Ok(outcome) = read.outcome().await else { continue };
                    last = outcome;
                    // A read that was running may have begun before the rejection.
                    if rejected.is_none() || !joined {
                        break;
                    }
                }
            }
        }
        last
    }

    /// Returns the cached secret or error, or joins the running read, or starts one.
    fn plan(
        &self,
        reference: &SecretRef,
        entry: &Arc<SecretEntry>,
        rejected: Option<&ResolvedSecret>,
    ) -> ReadPlan {
        let state = entry.state();
        let requested_at = self.clock.monotonic();
        let previous = match (rejected, state.lookup(requested_at, self.time_to_live)) {
            (Some(rejected), _) => match state.after_rejection(rejected, requested_at) {
                Some(result) => return ReadPlan::Done(result),
                None => None,
            },
            (None, SecretLookup::Fresh(secret)) => return ReadPlan::Done(Ok(secret)),
            (None, SecretLookup::Failed(error)) => return ReadPlan::Done(Err(error)),
            (None, SecretLookup::Due(previous)) => previous,
        };
        let (attempt, read) = match entry.reads.join_or_start(LIMITS) {
            Joined::Running(read) => return ReadPlan::Wait { read, previous, joined: true },
            Joined::Started(attempt, read) => (attempt, read),
        };
        drop(state);
        let number = attempt.generation();
        let complete = {
            let (reference, entry, clock) = (reference.clone(), Arc::clone(entry), Arc::clone(&self.clock));
            move |read| {
                let outcome = ended(read, &reference)?;
                let ends_in = outcome.as_ref().ok().and_then(|secret| remaining(secret, &*clock));
                Some(entry.record(number, &reference, outcome, ends_in, [requested_at, clock.monotonic()]))
            }
        };
        let work = read_secret(Arc::clone(&self.provider), reference.clone(), rejected.cloned());
        tokio::spawn(attempt.run(work, complete));
        ReadPlan::Wait { read, previous, joined: false }
    }
}

/// Returns how long `secret` has to live, if its provider says so and it has not ended.
fn remaining(secret: &ResolvedSecret, clock: &dyn Clock) -> Option<Duration> {
    secret.expires_at()?.duration_since(clock.now()).ok().filter(|time| !time.is_zero())
}

/// Reads a secret, or the successor of a `rejected` one. A blank secret is an error.
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

/// Returns the outcome of a read. `None` if it was lost, which says nothing of the provider.
fn ended(read: Result<ReadResult, TaskFailure>, reference: &SecretRef) -> Option<ReadResult> {
    match read {
        Ok(outcome) => Some(outcome),
        Err(late @ TaskFailure::DeadlineExceeded) => {
            let reason = "the provider did not answer within 30 s";
            let error = SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason);
            Some(Err(error.with_source(late)))
        }
        Err(TaskFailure::Panicked | TaskFailure::Dropped) => None,
    }
}

impl SecretEntry {
    /// Records the outcome of a read, and returns the one for its callers. A secret is as old as
    /// the request for it.
    fn record(
        &self,
        number: u64,
        reference: &SecretRef,
        read: ReadResult,
        ends_in: Option<Duration>,
        [requested_at, now]: [Duration; 2],
    ) -> ReadResult {
        events::read(reference, &read);
        let mut state = self.state();
        if !self.reads.is_current(number) {
            return read;
        }
        match read {
            Ok(secret) => {
                let is_another = state.record_success(secret.clone(), requested_at, ends_in);
                drop(state);
                events::expires(reference, &secret, ends_in);
                if is_another {
                    events::rotated(reference, &secret);
                }
                Ok(secret)
            }
            Err(error) => {
                let outcome = state.record_failure(error.clone(), now, fastrand::f64());
                drop(state);
                events::not_read(reference, &error, outcome.is_ok());
                outcome
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, SecretState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: SecretProvider> SecretProvider for CachedSecrets<P> {
    /// # Cancel safety
    /// Dropping the future does not end the read.
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        self.read(reference, &self.entry(reference), None).await
    }

    async fn refresh(
        &self,
        reference: &SecretRef,
        refused: &ResolvedSecret,
    ) -> Result<ResolvedSecret, SecretError> {
        let entry = self.entry(reference);
        let current = self.read(reference, &entry, Some(refused)).await?;
        let previous = entry.state().previous(refused, self.clock.monotonic());
        Ok(previous.filter(|_| current.has_same_secret(refused)).unwrap_or(current))
    }
}

fn lost(reference: &SecretRef) -> SecretError {
    let reason = "the read was lost: its runtime is gone, or the provider has panicked";
    SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason)
}

/// Shows no secret.
impl<P: fmt::Debug> fmt::Debug for CachedSecrets<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedSecrets").field("provider", &self.provider).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
