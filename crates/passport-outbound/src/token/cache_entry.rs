//! The cache entry of one token, and the state of the token fetches for it.
//!
//! Readers load an immutable snapshot without a lock. Writers take a lock, change the state, and
//! publish the next snapshot. A token fetch publishes its result before it wakes the calls that
//! wait for the fetch.

use std::{
    sync::{Arc, OnceLock, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use passport_core::AccessToken;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::{
    action::{Activity, TokenAction},
    cache_entry_state::EntryState,
    cached_token::CachedToken,
    error::{TokenError, TokenErrorKind},
    monotonic_clock::MonotonicClock,
    retry_backoff::{AttemptWindow, FailedAttempt, RetryBackoff, at_least, unchanged_backoff},
    sync::{ArcSwap, Attempt, Guard, Mutex, MutexGuard, SharedTask, TaskLimits, Waiter},
};

/// The minimum age at which a rejected token is replaced. The receiver probably rejects a
/// younger token for another reason, such as its audience, and would reject the replacement as
/// well. The minimum age doubles with each replacement that is rejected, up to
/// [`MAX_MIN_REJECTED_AGE`].
const MIN_REJECTED_AGE: Duration = Duration::from_secs(5);
/// The maximum of the minimum age: a rejected token that is 5 minutes old is always replaced.
const MAX_MIN_REJECTED_AGE: Duration = Duration::from_secs(5 * 60);

/// The result of a token fetch, which all calls that wait for the fetch share.
pub(crate) type FetchResult = Result<Arc<CachedToken>, TokenError>;

/// Whether an entry caches the tokens that are fetched for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Retention {
    /// Caches the token until it expires.
    #[default]
    Token,
    /// Caches no token. Concurrent callers still share a running token fetch.
    Nothing,
}

/// A cached token, the task that fetches it (one at a time), and the backoff after failed token
/// fetches.
#[derive(Debug, Default)]
pub(crate) struct TokenEntry {
    retention: Retention,
    /// The clock that all times in this entry are measured with.
    pub(crate) clock: MonotonicClock,
    snapshot: ArcSwap<EntryState>,
    task: SharedTask<FetchResult>,
    writer_state: Mutex<WriterState>,
}

/// The state of an entry that only writers read and change, under the lock.
#[derive(Debug, Default)]
struct WriterState {
    /// The number of the latest token fetch.
    last_ticket: u64,
    /// Cancels the latest token fetch.
    stop: CancellationToken,
    /// The tracing span of the running token fetch. The reference is weak, because the span has to
    /// end with the fetch: only the ticket of the fetch owns the span.
    span: Weak<OnceLock<Span>>,
    /// The number of the first token fetch since the token was last invalidated. The results of
    /// earlier fetches are discarded.
    first_valid_ticket: u64,
    backoff: RetryBackoff,
    /// Whether token fetches run on the process-wide runtime instead of the runtime of the caller.
    /// Becomes true after a fetch was dropped with its runtime, or after the runtime of a fetch has
    /// stalled.
    detached: bool,
    /// Whether a receiver rejected the cached token. If so, the next token fetch must return a
    /// different token.
    rejected: bool,
    /// The number of consecutive tokens that were replaced because a receiver rejected each of
    /// them.
    rejected_in_a_row: u32,
    /// The token that [`TokenEntry::invalidate`] removed. The next token fetch must return a
    /// different token. `None` if no token was removed since the last successful token fetch.
    invalidated: Option<AccessToken>,
}

impl WriterState {
    /// Returns whether `ticket` belongs to the latest token fetch. The end of an earlier fetch does
    /// not change the published state of the latest fetch, and its failure starts no backoff.
    fn is_current(&self, ticket: &FetchTicket) -> bool {
        ticket.number == self.last_ticket
    }
}

/// The result of [`TokenEntry::begin`].
#[derive(Debug)]
pub(crate) enum FetchStart {
    /// A token or an error that the caller gets without a token fetch.
    Settled(FetchResult),
    /// The running token fetch, for which the caller waits, and the tracing span of the fetch.
    Following(Waiter<FetchResult>, Option<Span>),
    /// A new token fetch, which the caller has to run; its ticket; and the waiter for its result.
    Leading(Attempt<FetchResult>, FetchTicket, Waiter<FetchResult>),
}

/// The parameters of one token fetch. At its end, the fetch passes its ticket to the entry
/// together with the result.
#[derive(Debug)]
pub(crate) struct FetchTicket {
    /// The number of the token fetch, which becomes the generation of the fetched token.
    pub(crate) number: u64,
    /// The cached token, which the fetched token will replace. It can have expired.
    pub(crate) current: Option<AccessToken>,
    /// The rejected or invalidated token, which the token source must not return again.
    pub(crate) excluded: Option<AccessToken>,
    /// Canceled when the token is invalidated. The fetch then ends early, because its result would
    /// be discarded.
    pub(crate) stop: CancellationToken,
    /// Whether the fetch runs on the process-wide runtime instead of the runtime of the caller.
    pub(crate) detached: bool,
    /// The time at which the fetch started.
    started: SystemTime,
    /// The tracing span of the fetch, set when the fetch starts. The spans of the calls that wait
    /// for the fetch are linked to this span.
    pub(crate) span: Arc<OnceLock<Span>>,
}

/// What happens to a token that a receiver rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RejectionEffect {
    /// The entry no longer holds the rejected token. A retry of the request looks up the token
    /// again, like a new call.
    AlreadyReplaced,
    /// The rejected token is still cached, and is now due for a refresh.
    ReplacementDue,
    /// The rejected token stays cached. It is so young that the receiver would probably reject a
    /// replacement as well.
    TooYoung,
    /// The entry caches no tokens ([`Retention::Nothing`]), so there is no token to replace.
    NotCached,
}

impl TokenEntry {
    /// Creates an empty entry.
    pub(crate) fn new(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }

    /// Returns whether the entry caches fetched tokens.
    pub(crate) fn retains_token(&self) -> bool {
        self.retention == Retention::Token
    }

    /// Returns the current snapshot without taking a lock or counting a reference.
    pub(crate) fn snapshot(&self) -> Guard<Arc<EntryState>> {
        self.snapshot.load()
    }

    /// Returns the snapshots, so that a reader can keep one until the next is published.
    pub(crate) fn published(&self) -> &ArcSwap<EntryState> {
        &self.snapshot
    }

    /// Joins the running token fetch, or starts one. Returns one of these:
    /// - the running fetch, if its time limit is not over;
    /// - the cached token, if it is fresh, or if it is valid and a backoff is active;
    /// - the error of the last fetch, if a backoff is active and no valid token is cached;
    /// - otherwise a new fetch.
    ///
    /// A fetch that reports no result within `limits` is abandoned.
    pub(crate) fn begin(&self, now: SystemTime, limits: TaskLimits) -> FetchStart {
        let mut state = self.writer_state();
        let snapshot = self.snapshot.load_full();
        if let Some(waiter) = self.task.running() {
            if snapshot.activity(now) == Activity::Running {
                return FetchStart::Following(
                    waiter,
                    state.span.upgrade().and_then(|span| span.get().cloned()),
                );
            }
            self.task.abandon(waiter.generation());
            // If the published snapshot has no running fetch, the abandoned fetch has reported its
            // result and is about to end. Its runtime has not stalled.
            state.detached |= snapshot.running.is_some();
        }
        match (snapshot.action(now), snapshot.activity(now), &snapshot.cached, &snapshot.last_error) {
            (TokenAction::Send, _, Some(cached), _) => return FetchStart::Settled(Ok(Arc::clone(cached))),
            (TokenAction::ReturnError, _, _, Some(error))
            | (TokenAction::Fetch, Activity::Retrying, _, Some(error)) => {
                return FetchStart::Settled(Err(error.clone()));
            }
            _ => {}
        }
        // With an unlimited grace period, `SharedTask` never considers the fetch stalled. The entry
        // decides whether the fetch is stalled, by its own clock.
        let (attempt, waiter) = self.task.begin(TaskLimits { grace: Duration::MAX, ..limits });
        state.last_ticket = attempt.generation();
        let running = Some(AttemptWindow::starting(now, limits.deadline.saturating_add(limits.grace)));
        self.publish(EntryState { running, backoff: None, ..EntryState::clone(&snapshot) });
        let current = snapshot.cached.as_ref().map(|cached| cached.token.clone());
        let excluded = if state.rejected { current.clone() } else { state.invalidated.clone() };
        let stop = CancellationToken::new();
        state.stop = stop.clone();
        let span = Arc::new(OnceLock::new());
        state.span = Arc::downgrade(&span);
        let (number, detached) = (state.last_ticket, state.detached);
        let ticket = FetchTicket { number, current, excluded, stop, detached, started: now, span };
        FetchStart::Leading(attempt, ticket, waiter)
    }

    /// Caches the token of a successful fetch, and returns the result for the calls that wait for
    /// the fetch. Returns `None` if the token was invalidated after the fetch began. In this case
    /// the result is discarded, and the waiting calls start another fetch.
    pub(crate) fn succeed(&self, ticket: &FetchTicket, cached: CachedToken) -> Option<FetchResult> {
        let mut state = self.writer_state();
        if ticket.number < state.first_valid_ticket {
            return None;
        }
        let cached = Arc::new(cached);
        let before = self.snapshot.load_full();
        let newest = before.cached.as_ref().is_none_or(|before| before.generation < cached.generation);
        if newest {
            state.rejected_in_a_row =
                if state.rejected { state.rejected_in_a_row.saturating_add(1) } else { 0 };
            state.rejected = false;
            state.invalidated = None;
            state.backoff = RetryBackoff::default();
            let running = before.running.filter(|_| !state.is_current(ticket));
            let cached = self.retains_token().then(|| Arc::clone(&cached));
            self.publish(EntryState { cached, running, backoff: None, last_error: None });
        }
        Some(Ok(cached))
    }

    /// Starts the backoff after a failed token fetch, and returns the result for the calls that
    /// wait for the fetch. If `ticket` does not belong to the latest fetch, no backoff starts.
    /// `random` is the random number for the jitter, in 0..1.
    pub(crate) fn fail(
        &self,
        ticket: &FetchTicket,
        error: TokenError,
        now: SystemTime,
        random: f64,
    ) -> FetchResult {
        let mut state = self.writer_state();
        if !state.is_current(ticket) {
            return Err(error);
        }
        let snapshot = self.snapshot_clone();
        let left = snapshot.cached.as_ref().map(|cached| cached.schedule.left(now));
        let took = now.duration_since(ticket.started).unwrap_or_default();
        let retry_after = error.retry_after();
        let flat = |length| AttemptWindow::starting(now, at_least(length, retry_after));
        let backoff = match error.kind() {
            TokenErrorKind::Rejected => flat(RetryBackoff::rejected(random)),
            TokenErrorKind::Unchanged => flat(unchanged_backoff(left)),
            _ => state.backoff.failed(now, FailedAttempt { took, left, retry_after, random }),
        };
        let callers_wait = backoff.callers_wait && error.is_worth_waiting();
        let backoff = Some(AttemptWindow { callers_wait, ..backoff });
        self.publish(EntryState { running: None, backoff, last_error: Some(error.clone()), ..snapshot });
        Err(error)
    }

    /// Ends a token fetch that was dropped with its tokio runtime. No backoff starts, because
    /// Passport is not the cause. Later fetches run on the process-wide runtime.
    pub(crate) fn dropped(&self, ticket: &FetchTicket) {
        self.writer_state().detached = true;
        self.cancel(ticket);
    }

    /// Ends a token fetch that has neither a token nor an error, because it was canceled or
    /// postponed. No backoff starts.
    pub(crate) fn cancel(&self, ticket: &FetchTicket) {
        let state = self.writer_state();
        if state.is_current(ticket) {
            self.publish(EntryState { running: None, ..self.snapshot_clone() });
        }
    }

    /// Abandons the token fetch of `waiter` if the time limit of the fetch is over, so that another
    /// fetch can start. Returns true if the fetch has ended or was abandoned, and false if its time
    /// limit is not over.
    ///
    /// The call that started the fetch has set the time limit. It can be longer than the time limit
    /// of the call that waits.
    pub(crate) fn abandon(&self, waiter: &Waiter<FetchResult>, now: SystemTime) -> bool {
        let mut state = self.writer_state();
        if self.task.running().is_none_or(|running| running.generation() != waiter.generation()) {
            return true;
        }
        let snapshot = self.snapshot_clone();
        if snapshot.activity(now) == Activity::Running {
            return false;
        }
        self.task.abandon(waiter.generation());
        state.detached |= snapshot.running.is_some();
        self.publish(EntryState { running: None, ..snapshot });
        true
    }

    /// Makes the token of `generation` due for a refresh, because a receiver rejected it. This has
    /// no effect in three cases:
    /// - The entry caches no tokens.
    /// - The entry no longer holds the token.
    /// - The token is younger than the minimum age, which is [`MIN_REJECTED_AGE`] or more.
    pub(crate) fn reject(&self, generation: u64, now: SystemTime) -> RejectionEffect {
        let mut state = self.writer_state();
        if !self.retains_token() {
            return RejectionEffect::NotCached;
        }
        let snapshot = self.snapshot.load_full();
        let Some(cached) = snapshot.cached.as_ref().filter(|cached| cached.generation == generation) else {
            return RejectionEffect::AlreadyReplaced;
        };
        let min_age =
            MIN_REJECTED_AGE.saturating_mul(1 << state.rejected_in_a_row.min(6)).min(MAX_MIN_REJECTED_AGE);
        if cached.schedule.age(now) < min_age {
            return RejectionEffect::TooYoung;
        }
        state.rejected = true;
        let cached = CachedToken { schedule: cached.schedule.due(now), ..CachedToken::clone(cached) };
        self.publish(EntryState { cached: Some(Arc::new(cached)), ..EntryState::clone(&snapshot) });
        RejectionEffect::ReplacementDue
    }

    /// Makes the cached token due for a refresh if both conditions are true:
    /// - The token has less than `min_ttl` left.
    /// - The token is in the second half of its lifetime. Without this condition, a `min_ttl`
    ///   longer than the lifetime would cause a token fetch for each call.
    ///
    /// Returns whether both conditions are true. Returns false if no token is cached.
    pub(crate) fn refresh_if_shorter(&self, min_ttl: Duration, now: SystemTime) -> bool {
        let _state = self.writer_state();
        let snapshot = self.snapshot.load_full();
        let Some(cached) = snapshot.cached.as_ref() else {
            return false;
        };
        let (age, left) = (cached.schedule.age(now), cached.schedule.left(now));
        if left >= min_ttl || age < left {
            return false;
        }
        let cached = CachedToken { schedule: cached.schedule.due(now), ..CachedToken::clone(cached) };
        self.publish(EntryState { cached: Some(Arc::new(cached)), ..EntryState::clone(&snapshot) });
        true
    }

    /// Removes the cached token. Cancels the running token fetch, and discards its result. An
    /// active backoff continues.
    pub(crate) fn invalidate(&self) {
        let mut state = self.writer_state();
        state.first_valid_ticket = state.last_ticket + 1;
        state.stop.cancel();
        state.rejected = false;
        self.task.abandon(state.last_ticket);
        let snapshot = self.snapshot_clone();
        if let Some(cached) = &snapshot.cached {
            state.invalidated = Some(cached.token.clone());
        }
        self.publish(EntryState { cached: None, running: None, ..snapshot });
    }

    /// Locks the entry, so that a test can show that readers do not take the lock.
    #[cfg(test)]
    pub(crate) fn locked(&self) -> impl Drop + '_ {
        self.writer_state()
    }

    /// Returns a waiter for the running token fetch. `None` if no fetch is running.
    #[cfg(test)]
    pub(crate) fn running(&self) -> Option<Waiter<FetchResult>> {
        self.task.running()
    }

    fn snapshot_clone(&self) -> EntryState {
        EntryState::clone(&self.snapshot.load_full())
    }

    /// Publishes `snapshot` to readers. The caller must hold the lock.
    fn publish(&self, snapshot: EntryState) {
        self.snapshot.store(Arc::new(snapshot));
    }

    fn writer_state(&self) -> MutexGuard<'_, WriterState> {
        self.writer_state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
