//! The cache entry of one token, and the state of its fetch attempts.
//!
//! Readers load an immutable snapshot without a lock. Writers decide and publish each change
//! under one lock. An attempt publishes its result before it wakes its waiters.

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

/// The minimum age of a rejected token to be replaced. A younger token is unlikely to be the
/// cause of the rejection. The minimum doubles, up to the maximum, with each replacement that is
/// rejected as well.
const MIN_REJECTED_AGE: Duration = Duration::from_secs(5);
const MAX_MIN_REJECTED_AGE: Duration = Duration::from_secs(5 * 60);

/// The result of an attempt, which all of its callers share.
pub(crate) type FetchResult = Result<Arc<CachedToken>, TokenError>;

/// Whether an entry caches the tokens that its attempts fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Retention {
    /// The token, until it expires.
    #[default]
    Token,
    /// Nothing. Concurrent callers still share a running attempt.
    Nothing,
}

/// A cached token, the single-flight task that fetches it, and the backoff after failures.
#[derive(Debug, Default)]
pub(crate) struct TokenEntry {
    retention: Retention,
    /// The clock of all times in this entry.
    pub(crate) clock: MonotonicClock,
    snapshot: ArcSwap<EntryState>,
    task: SharedTask<FetchResult>,
    writer_state: Mutex<WriterState>,
}

/// The state that only writers need.
#[derive(Debug, Default)]
struct WriterState {
    last_ticket: u64,
    /// Cancels the latest attempt.
    stop: CancellationToken,
    /// The span of the running attempt. Its ticket owns the span.
    span: Weak<OnceLock<Span>>,
    /// The number of the first attempt with a valid result. Results of earlier attempts are
    /// discarded, because the token was invalidated after they began.
    first_valid_ticket: u64,
    backoff: RetryBackoff,
    /// Whether an attempt was dropped with its runtime, or its runtime has stalled. Later attempts
    /// run on the process-wide runtime instead of the caller's.
    detached: bool,
    /// Whether a receiver rejected the cached token.
    rejected: bool,
    /// The number of consecutive tokens that were replaced because a receiver rejected them.
    rejected_in_a_row: u32,
    /// The token that [`TokenEntry::invalidate`] removed, until another one is cached.
    invalidated: Option<AccessToken>,
}

impl WriterState {
    /// Returns whether `ticket` is that of the latest attempt. An earlier attempt does not change
    /// the backoff or the running attempt of the entry.
    fn is_current(&self, ticket: &FetchTicket) -> bool {
        ticket.number == self.last_ticket
    }
}

/// The result of [`TokenEntry::begin`].
#[derive(Debug)]
pub(crate) enum FetchStart {
    /// A token or error that is returned without an attempt.
    Settled(FetchResult),
    /// The running attempt to wait for, and its span.
    Following(Waiter<FetchResult>, Option<Span>),
    /// A new attempt, which the caller has to run.
    Leading(Attempt<FetchResult>, FetchTicket, Waiter<FetchResult>),
}

/// The parameters of an attempt. The attempt passes its ticket to the entry with its result.
#[derive(Debug)]
pub(crate) struct FetchTicket {
    /// The number of the attempt, which is also the generation of the fetched token.
    pub(crate) number: u64,
    /// The cached token, which the new one replaces.
    pub(crate) current: Option<AccessToken>,
    /// A rejected or invalidated token, which the source must not return.
    pub(crate) excluded: Option<AccessToken>,
    /// Canceled when the token is invalidated, because the result would be discarded.
    pub(crate) stop: CancellationToken,
    /// Whether the attempt runs on the process-wide runtime instead of the caller's.
    pub(crate) detached: bool,
    started: SystemTime,
    /// Set when the attempt starts. The spans of waiting calls are linked to it.
    pub(crate) span: Arc<OnceLock<Span>>,
}

/// The effect of a rejection on the cached token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RejectionEffect {
    /// The rejected token was already replaced.
    AlreadyReplaced,
    /// The rejected token is cached, and due for a refresh.
    ReplacementDue,
    /// The rejected token stays: it is so young that another one would be rejected as well.
    TooYoung,
    /// Tokens are not cached.
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

    /// Joins the running attempt, or starts one if it is needed. An attempt that reports no result
    /// within `limits` is abandoned.
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
            // An attempt without a published limit has reported its result, and is about to end.
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
        // No grace here: the entry itself decides, by its own clock, whether an attempt has
        // stalled.
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

    /// Caches the token of a successful attempt, and returns the result for its waiters. `None` if
    /// the token was invalidated after the attempt began: the result is discarded, and the waiters
    /// try again.
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

    /// Starts the backoff after a failed attempt, and returns the result for its waiters. `random`
    /// is in 0..1.
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

    /// Records that the attempt was dropped with its runtime. There is no backoff, because Passport
    /// is not the cause. Later attempts run on the process-wide runtime.
    pub(crate) fn dropped(&self, ticket: &FetchTicket) {
        self.writer_state().detached = true;
        self.cancel(ticket);
    }

    /// Records that the attempt was canceled, because its identity was shut down or the token was
    /// invalidated.
    pub(crate) fn cancel(&self, ticket: &FetchTicket) {
        let state = self.writer_state();
        if state.is_current(ticket) {
            self.publish(EntryState { running: None, ..self.snapshot_clone() });
        }
    }

    /// Abandons the attempt of `waiter` if it is over its time limit, so that another may start.
    /// Returns whether it has ended or was abandoned; false if its limit, which the caller that
    /// started it has set, is not over.
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

    /// Records that a receiver rejected the token of `generation`. The token becomes due for a
    /// refresh, unless it is too young.
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

    /// Makes the cached token due for a refresh if it has less than `min_ttl` left. Returns whether
    /// it is due now. A token in the first half of its lifetime is never due: otherwise a `min_ttl`
    /// longer than the lifetime would cause a fetch for each call.
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

    /// Removes the token, and discards the result of the running attempt. A backoff continues.
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

    /// Locks the entry for writers.
    #[cfg(test)]
    pub(crate) fn locked(&self) -> impl Drop + '_ {
        self.writer_state()
    }

    /// Returns the running attempt, if there is one.
    #[cfg(test)]
    pub(crate) fn running(&self) -> Option<Waiter<FetchResult>> {
        self.task.running()
    }

    fn snapshot_clone(&self) -> EntryState {
        EntryState::clone(&self.snapshot.load_full())
    }

    /// Publishes `snapshot`. The caller holds the lock.
    fn publish(&self, snapshot: EntryState) {
        self.snapshot.store(Arc::new(snapshot));
    }

    fn writer_state(&self) -> MutexGuard<'_, WriterState> {
        self.writer_state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
