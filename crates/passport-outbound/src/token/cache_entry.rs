//! One cached token and its fetches.
//!
//! Readers load an immutable snapshot without a lock. Changes are decided and published under one
//! lock. An attempt publishes its result before it completes.

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
    retry_backoff::{AttemptWindow, FailedAttempt, RetryBackoff, at_least, repeated},
    sync::{ArcSwap, Attempt, Guard, Mutex, MutexGuard, SharedTask, TaskLimits, Waiter},
};

/// A younger token is not replaced when a receiver rejects it: the token is unlikely to be the
/// cause. The time doubles with each replacement that is rejected as well.
const LEAST_AGE: Duration = Duration::from_secs(5);
const MAX_LEAST_AGE: Duration = Duration::from_secs(5 * 60);

/// The result of an attempt, which all of its callers share.
pub(crate) type FetchResult = Result<Arc<CachedToken>, TokenError>;

/// What an entry retains of the results of its attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Retention {
    /// The token, until it expires.
    #[default]
    Token,
    /// Nothing, but callers share a running attempt.
    Nothing,
}

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
    /// Cancels the attempt that was started last.
    stop: CancellationToken,
    /// The span of the running attempt, which its ticket owns.
    span: Weak<OnceLock<Span>>,
    /// The results of attempts before this one are discarded.
    oldest_wanted: u64,
    backoff: RetryBackoff,
    /// Whether an attempt was dropped with its runtime, or was on a stalled one. Later attempts do
    /// not depend on a caller's runtime.
    detached: bool,
    /// Whether a receiver rejected the cached token.
    rejected: bool,
    /// The number of tokens in a row that were replaced because a receiver rejected them.
    replaced: u32,
    /// The token that was removed by [`TokenEntry::invalidate`], until there is another.
    invalidated: Option<AccessToken>,
}

impl WriterState {
    /// Returns whether the attempt changes the state of the entry: no other was started since.
    fn is_current(&self, ticket: &FetchTicket) -> bool {
        ticket.number == self.last_ticket
    }
}

/// The result of [`TokenEntry::begin`].
#[derive(Debug)]
pub(crate) enum FetchStart {
    /// No attempt is needed, or the pause after a failure is not over.
    Settled(FetchResult),
    /// An attempt is running, in this span.
    Following(Waiter<FetchResult>, Option<Span>),
    /// The caller runs the attempt.
    Leading(Attempt<FetchResult>, FetchTicket, Waiter<FetchResult>),
}

/// What an attempt has to know, and to report to the entry with its result.
#[derive(Debug)]
pub(crate) struct FetchTicket {
    /// Also the generation of the fetched token.
    pub(crate) number: u64,
    /// The cached token, which the attempt replaces.
    pub(crate) current: Option<AccessToken>,
    /// A token that a receiver rejected, or that was invalidated.
    pub(crate) excluded: Option<AccessToken>,
    /// Canceled when the result of the attempt would be discarded.
    pub(crate) stop: CancellationToken,
    /// Whether the attempt must not depend on a caller's runtime.
    pub(crate) detached: bool,
    started: SystemTime,
    /// Set when the attempt starts. Calls that wait for the attempt are linked to it.
    pub(crate) span: Arc<OnceLock<Span>>,
}

/// What happens to a token that a receiver rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RejectionEffect {
    /// It was replaced before.
    AlreadyReplaced,
    /// It is replaced now.
    ReplacementDue,
    /// It is retained: it is so young that another one would be rejected as well.
    TooYoung,
    /// It was for one call only.
    NotCached,
}

impl TokenEntry {
    pub(crate) fn new(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }

    /// Returns whether a fetched token is cached.
    pub(crate) fn retains_token(&self) -> bool {
        self.retention == Retention::Token
    }

    /// Returns the current snapshot, without a lock or a reference count.
    pub(crate) fn snapshot(&self) -> Guard<Arc<EntryState>> {
        self.snapshot.load()
    }

    /// Joins the running attempt or starts one, if one is needed. An attempt that does not report
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
            // An attempt without a published limit has reported, and is about to end.
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
        // The entry decides by its own clock whether an attempt has stalled.
        let (attempt, waiter) = self.task.begin(TaskLimits { grace: Duration::MAX, ..limits });
        state.last_ticket = attempt.generation();
        let running = Some(AttemptWindow::starting(now, limits.deadline.saturating_add(limits.grace)));
        self.publish(EntryState { running, pausing: None, ..EntryState::clone(&snapshot) });
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

    /// Caches the token of a successful attempt, and returns what its callers get. A token that was
    /// invalidated is discarded, and its callers try again.
    pub(crate) fn succeed(&self, ticket: &FetchTicket, cached: CachedToken) -> Option<FetchResult> {
        let mut state = self.writer_state();
        if ticket.number < state.oldest_wanted {
            return None;
        }
        let cached = Arc::new(cached);
        let before = self.snapshot.load_full();
        let newest = before.cached.as_ref().is_none_or(|before| before.generation < cached.generation);
        if newest {
            state.replaced = if state.rejected { state.replaced.saturating_add(1) } else { 0 };
            state.rejected = false;
            state.invalidated = None;
            state.backoff = RetryBackoff::default();
            let running = before.running.filter(|_| !state.is_current(ticket));
            let cached = self.retains_token().then(|| Arc::clone(&cached));
            self.publish(EntryState { cached, running, pausing: None, last_error: None });
        }
        Some(Ok(cached))
    }

    /// Starts the pause after a failed attempt, and returns what its callers get. `random` is in
    /// 0..1.
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
        let snapshot = self.copied();
        let left = snapshot.cached.as_ref().map(|cached| cached.schedule.left(now));
        let took = now.duration_since(ticket.started).unwrap_or_default();
        let retry_after = error.retry_after();
        let flat = |length| AttemptWindow::starting(now, at_least(length, retry_after));
        let pause = match error.kind() {
            TokenErrorKind::Rejected => flat(RetryBackoff::rejected(random)),
            TokenErrorKind::Unchanged => flat(repeated(left)),
            _ => state.backoff.failed(now, FailedAttempt { took, left, retry_after, random }),
        };
        let waited_for = pause.waited_for && error.may_pass_soon();
        let pausing = Some(AttemptWindow { waited_for, ..pause });
        self.publish(EntryState { running: None, pausing, last_error: Some(error.clone()), ..snapshot });
        Err(error)
    }

    /// Records that the attempt was dropped with its runtime. That says nothing of Passport, so
    /// another attempt may start immediately; it does not depend on a caller's runtime.
    pub(crate) fn dropped(&self, ticket: &FetchTicket) {
        self.writer_state().detached = true;
        self.cancel(ticket);
    }

    /// Records that the attempt was canceled: its identity was shut down, or its result would be
    /// discarded.
    pub(crate) fn cancel(&self, ticket: &FetchTicket) {
        let state = self.writer_state();
        if state.is_current(ticket) {
            self.publish(EntryState { running: None, ..self.copied() });
        }
    }

    /// Abandons an attempt that has not reported within its time limit, so that another may start.
    /// Returns false if the limit, which its starter has set, is not over.
    pub(crate) fn abandon(&self, silent: &Waiter<FetchResult>, now: SystemTime) -> bool {
        let mut state = self.writer_state();
        if self.task.running().is_none_or(|running| running.generation() != silent.generation()) {
            return true;
        }
        let snapshot = self.copied();
        if snapshot.activity(now) == Activity::Running {
            return false;
        }
        self.task.abandon(silent.generation());
        state.detached |= snapshot.running.is_some();
        self.publish(EntryState { running: None, ..snapshot });
        true
    }

    /// Records that a receiver rejected the token of `generation`, which is then due for a refresh.
    pub(crate) fn reject(&self, generation: u64, now: SystemTime) -> RejectionEffect {
        let mut state = self.writer_state();
        if !self.retains_token() {
            return RejectionEffect::NotCached;
        }
        let snapshot = self.snapshot.load_full();
        let Some(cached) = snapshot.cached.as_ref().filter(|cached| cached.generation == generation) else {
            return RejectionEffect::AlreadyReplaced;
        };
        let least_age = LEAST_AGE.saturating_mul(1 << state.replaced.min(6)).min(MAX_LEAST_AGE);
        if cached.schedule.age(now) < least_age {
            return RejectionEffect::TooYoung;
        }
        state.rejected = true;
        let cached = CachedToken { schedule: cached.schedule.due(now), ..CachedToken::clone(cached) };
        self.publish(EntryState { cached: Some(Arc::new(cached)), ..EntryState::clone(&snapshot) });
        RejectionEffect::ReplacementDue
    }

    /// Makes the cached token due for a refresh if it has less than `min_ttl` left, and returns
    /// whether it did. Not in the first half of its life: a `min_ttl` longer than the life would
    /// cause a fetch for each call.
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

    /// Removes the token, and discards the result of the running attempt. A pause continues.
    pub(crate) fn invalidate(&self) {
        let mut state = self.writer_state();
        state.oldest_wanted = state.last_ticket + 1;
        state.stop.cancel();
        state.rejected = false;
        self.task.abandon(state.last_ticket);
        let snapshot = self.copied();
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

    fn copied(&self) -> EntryState {
        EntryState::clone(&self.snapshot.load_full())
    }

    /// The caller holds the lock.
    fn publish(&self, snapshot: EntryState) {
        self.snapshot.store(Arc::new(snapshot));
    }

    fn writer_state(&self) -> MutexGuard<'_, WriterState> {
        self.writer_state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
