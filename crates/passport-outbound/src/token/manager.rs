//! Returns the cached token of an entry, or fetches one. Concurrent callers share a single
//! fetch.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use passport_core::{AccessToken, ClientId, Clock, TaskLimits, Waiter};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Span;

use super::{
    CachedToken, Credential, EntryState, FetchFailure, Phase, RefreshSettings, RejectionEffect,
    SendableToken, TokenEntry, TokenError, TokenErrorKind, TokenSource,
    action::TokenAction,
    background_runtime,
    cache_entry::{FetchResult, FetchStart},
    events, fetch_task,
};

/// How long callers wait for the result of an attempt beyond the attempt's own time limit.
const GRACE: Duration = Duration::from_secs(1);

/// The maximum number of attempts that a caller waits for. An attempt may end without a result:
/// it is dropped with its runtime, canceled with the identity that started it, or discarded
/// because the token was invalidated.
const MAX_ATTEMPTS: usize = 10;

/// The total time that a caller without a token waits between attempts.
const RETRY_PAUSES: Duration = Duration::from_secs(2);

/// Provides the token of an identity for one set of scopes, and keeps it refreshed.
pub(crate) struct TokenManager {
    pub(crate) client_id: ClientId,
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) entry: Arc<TokenEntry>,
    pub(crate) policy: RefreshSettings,
    /// The time limit of an attempt.
    pub(crate) attempt_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// Canceled when the identity is shut down or dropped.
    pub(crate) life: CancellationToken,
    pub(crate) attempts: TaskTracker,
}

impl TokenManager {
    /// Returns the cached token if it is valid, or a future of the token that is being fetched.
    pub(crate) fn credential(self: &Arc<Self>) -> Credential {
        let snapshot = self.entry.snapshot();
        match self.lookup(&snapshot) {
            CacheLookup::Token(cached) => Credential::Ready(SendableToken::from(&**cached)),
            CacheLookup::Error(error) => Credential::Failed(error.clone()),
            CacheLookup::Miss => self.pending(),
        }
    }

    /// Returns the cached token if it is valid, or waits for the fetch.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<AccessToken, TokenError> {
        match self.lookup(&self.entry.snapshot()) {
            CacheLookup::Token(cached) => return Ok(cached.token.clone()),
            CacheLookup::Error(error) => return Err(error.clone()),
            CacheLookup::Miss => {}
        }
        self.fetched().await.map(|cached| cached.token.clone())
    }

    /// Returns a token with at least `min_ttl` left if one can be fetched, or the current one.
    pub(crate) async fn token_with_min_ttl(
        self: &Arc<Self>,
        min_ttl: Duration,
    ) -> Result<AccessToken, TokenError> {
        let token = self.token().await?;
        if !self.entry.retains_token() {
            return Ok(token);
        }
        if !self.entry.refresh_if_shorter(min_ttl, self.now()) {
            // Another call may have replaced it.
            return self.token().await;
        }
        let Some(attempt) = self.attempt() else { return Ok(token) };
        match self.wait_for(attempt).await {
            Some(Ok(cached)) if !self.is_expired(&cached) => Ok(cached.token.clone()),
            // The current token is still valid.
            _ => Ok(token),
        }
    }

    /// Returns the token. If `is_rejected` returns true for the cached token, replaces that one
    /// first.
    pub(crate) async fn replace_rejected_token(
        self: &Arc<Self>,
        is_rejected: impl FnOnce(&AccessToken) -> bool,
    ) -> Result<AccessToken, TokenError> {
        let snapshot = self.entry.snapshot().clone();
        let rejected = snapshot.cached.as_ref().filter(|cached| is_rejected(&cached.token));
        match rejected.and_then(|cached| self.replace_rejected(cached.generation)) {
            None | Some(Credential::Ready(_)) => self.token().await,
            Some(Credential::Failed(error)) => Err(error),
            Some(Credential::Pending(pending)) => {
                pending.await?;
                self.token().await
            }
        }
    }

    /// Looks up the cached token or error. Starts a background refresh if one is due.
    fn lookup<'a>(self: &Arc<Self>, snapshot: &'a EntryState) -> CacheLookup<'a> {
        let action = snapshot.action(self.now());
        match (action, &snapshot.cached, &snapshot.last_error) {
            (TokenAction::Send | TokenAction::SendAndRefresh, Some(cached), _) => {
                cached.hits.increment(1);
                if action == TokenAction::SendAndRefresh {
                    drop(self.attempt());
                }
                CacheLookup::Token(cached)
            }
            (TokenAction::ReturnError, _, Some(error)) => {
                events::cached_error(&self.client_id);
                CacheLookup::Error(error)
            }
            _ => CacheLookup::Miss,
        }
    }

    /// Records that a receiver rejected the token of `generation`. Returns a newer token to retry
    /// the request with. `None` if a retry is not useful.
    pub(crate) fn replace_rejected(self: &Arc<Self>, generation: u64) -> Option<Credential> {
        let rejection = self.entry.reject(generation, self.now());
        events::token_rejected(&self.client_id, rejection);
        match rejection {
            RejectionEffect::TooYoung | RejectionEffect::NotCached => None,
            RejectionEffect::AlreadyReplaced => Some(self.credential()),
            RejectionEffect::ReplacementDue => {
                let attempt = self.attempt()?;
                let manager = Arc::clone(self);
                Some(Credential::Pending(Box::pin(async move {
                    let is_newer = |cached: &CachedToken| cached.generation > generation;
                    let cached = manager.result_of(Some(attempt), is_newer).await?;
                    Ok(SendableToken::from(&*cached))
                })))
            }
        }
    }

    fn pending(self: &Arc<Self>) -> Credential {
        let manager = Arc::clone(self);
        Credential::Pending(Box::pin(async move {
            manager.fetched().await.map(|cached| SendableToken::from(&*cached))
        }))
    }

    async fn fetched(self: &Arc<Self>) -> FetchResult {
        events::call_waits(&self.client_id);
        self.result_of(None, |_| true).await
    }

    /// Waits for a token that satisfies `is_acceptable`: the result of `first`, or of retries.
    async fn result_of(
        self: &Arc<Self>,
        mut first: Option<PendingFetch>,
        is_acceptable: impl Fn(&CachedToken) -> bool,
    ) -> FetchResult {
        let mut budget = RetryBudget::new(self.attempt_timeout);
        let (mut last_error, mut attempts) = (None, 0);
        while attempts < MAX_ATTEMPTS {
            let Some(attempt) = first.take().or_else(|| self.attempt()) else { break };
            let is_attempt = matches!(attempt, PendingFetch::Running(..));
            attempts += usize::from(is_attempt);
            // A retry that hangs does not delay the caller beyond the time of one attempt.
            let waiting = self.wait_for(attempt);
            let result = match last_error {
                None => Ok(waiting.await),
                Some(_) => timeout_at(budget.end, waiting).await,
            };
            match result {
                Err(_late) => break,
                Ok(None) => continue,
                // This task may be polled late, after the machine was suspended.
                Ok(Some(Ok(cached))) if !self.is_expired(&cached) && is_acceptable(&cached) => {
                    return Ok(cached);
                }
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => last_error = Some(error),
            }
            let snapshot = self.entry.snapshot().clone();
            let Some(pause) = snapshot.retry_in(self.now()).filter(|pause| budget.allows(*pause)) else {
                last_error = last_error.or_else(|| snapshot.last_error.clone());
                break;
            };
            // The budget limits the pauses between attempts. A round without pause and without
            // attempt counts as an attempt, or the loop would not end.
            attempts += usize::from(!is_attempt && pause.is_zero());
            tokio::select! {
                () = sleep(pause) => {}
                () = self.life.cancelled() => {}
            }
        }
        let error = last_error.filter(|_| !self.life.is_cancelled());
        Err(error.unwrap_or_else(|| self.canceled()))
    }

    /// Joins the running attempt, or starts one. `None` without a tokio runtime, or after a
    /// shutdown.
    fn attempt(self: &Arc<Self>) -> Option<PendingFetch> {
        let runtime = Handle::try_current().ok().filter(|_| !self.life.is_cancelled())?;
        match self.entry.begin(self.now(), self.limits()) {
            FetchStart::Settled(result) => Some(PendingFetch::Done(result)),
            FetchStart::Following(waiter, span) => Some(PendingFetch::Running(waiter, span)),
            FetchStart::Leading(attempt, ticket, waiter) => {
                let (detached, span) = (ticket.detached, Arc::clone(&ticket.span));
                let attempt = self.attempts.track_future(fetch_task::run(Arc::clone(self), attempt, ticket));
                if detached {
                    background_runtime::spawn(attempt, &runtime);
                } else {
                    drop(runtime.spawn(attempt));
                }
                Some(PendingFetch::Running(waiter, span.get().cloned()))
            }
        }
    }

    /// Waits for the result of an attempt. `None` if it was canceled or dropped.
    ///
    /// An attempt that reports no result within its time limit is on a stalled runtime, and is
    /// abandoned. If another identity with a longer limit started it, it continues, and this caller
    /// gets an error.
    async fn wait_for(&self, attempt: PendingFetch) -> Option<FetchResult> {
        let waiter = match attempt {
            PendingFetch::Done(result) => return Some(result),
            PendingFetch::Running(waiter, span) => {
                events::link_to_fetch(span.as_ref());
                waiter
            }
        };
        tokio::select! {
            biased;
            result = timeout(self.attempt_timeout + GRACE, waiter.clone().outcome()) => match result {
                Ok(result) => result.ok(),
                Err(_late) if self.entry.abandon(&waiter, self.now()) => None,
                Err(_late) => Some(Err(self.canceled())),
            },
            () = self.life.cancelled() => None,
        }
    }

    /// Returns the limits of an attempt. A source has its own, shorter limit and reports which step
    /// was slow; the deadline here is a fallback.
    fn limits(&self) -> TaskLimits {
        TaskLimits { deadline: self.attempt_timeout + GRACE / 2, grace: GRACE / 2 }
    }

    fn is_expired(&self, cached: &CachedToken) -> bool {
        cached.schedule.phase(self.now()) == Phase::Hard
    }

    /// Returns the current time of the entry's clock.
    pub(crate) fn now(&self) -> SystemTime {
        self.entry.clock.now(&*self.clock)
    }

    fn canceled(&self) -> TokenError {
        let kind = if self.life.is_cancelled() { TokenErrorKind::ShutDown } else { TokenErrorKind::Canceled };
        self.error(FetchFailure::of(kind))
    }

    pub(super) fn error(&self, failure: FetchFailure) -> TokenError {
        TokenError::new(&self.client_id, failure)
    }
}

/// The result of a cache lookup.
enum CacheLookup<'a> {
    Token(&'a Arc<CachedToken>),
    Error(&'a TokenError),
    Miss,
}

/// A running attempt that a caller waits for, or a result that needs no wait.
enum PendingFetch {
    Done(FetchResult),
    Running(Waiter<FetchResult>, Option<Span>),
}

/// Limits how long a caller waits for retries.
struct RetryBudget {
    /// The time left for pauses between attempts.
    pauses: Duration,
    /// The latest start of a retry.
    last_start: Instant,
    /// The end of the wait.
    end: Instant,
}

impl RetryBudget {
    fn new(attempt_timeout: Duration) -> Self {
        let now = Instant::now();
        Self { pauses: RETRY_PAUSES, last_start: now + attempt_timeout / 2, end: now + attempt_timeout }
    }

    /// Deducts `pause` from the budget. Returns whether the caller may wait for it.
    fn allows(&mut self, pause: Duration) -> bool {
        let left = self.pauses.checked_sub(pause);
        self.pauses = left.unwrap_or_default();
        left.is_some() && Instant::now() + pause <= self.last_start
    }
}

#[cfg(test)]
mod tests;
