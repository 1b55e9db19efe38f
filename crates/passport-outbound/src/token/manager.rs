//! Returns the cached token of an entry, or fetches one. Concurrent callers share a single
//! fetch.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use passport_core::{AccessToken, ClientId, SharedClock, TaskLimits, Waiter, from_unix_nanos};
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

/// How long callers wait for the result of a token fetch after the time limit of the fetch is
/// over. After this wait, the tokio runtime of the fetch is considered stalled.
const RESULT_GRACE: Duration = Duration::from_secs(1);

/// The maximum number of token fetches that a call waits for, so that the call ends. A call
/// waits for another fetch if the last fetch ended without a result:
/// - the fetch was dropped with its tokio runtime;
/// - the identity that started the fetch was shut down;
/// - the token was invalidated after the fetch had started.
const MAX_ATTEMPTS: usize = 10;

/// The maximum total time that a call without a token waits between token fetches. When this
/// time is used up, the call returns the last error.
const RETRY_PAUSES: Duration = Duration::from_secs(2);

/// Returns the token of one identity for one set of scopes, and refreshes the token before its
/// expiry.
pub(crate) struct TokenManager {
    pub(crate) client_id: ClientId,
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) entry: Arc<TokenEntry>,
    pub(crate) policy: RefreshSettings,
    /// The time limit of one token fetch, which includes reading the secret and waiting for a
    /// shared store.
    pub(crate) attempt_timeout: Duration,
    pub(crate) clock: SharedClock,
    /// Canceled when the identity is shut down or dropped.
    pub(crate) life: CancellationToken,
    /// Tracks the running token fetches, so that a shutdown can wait for them.
    pub(crate) attempts: TaskTracker,
}

impl TokenManager {
    /// Returns the token for one call, without waiting:
    /// - the cached token, if it is valid;
    /// - the error of the last token fetch, during the backoff after that fetch;
    /// - otherwise a future that waits for a token fetch.
    pub(crate) fn credential(self: &Arc<Self>) -> Credential {
        let snapshot = self.entry.snapshot();
        match self.lookup(&snapshot) {
            CacheLookup::Token(cached) => Credential::Ready(SendableToken::from(&**cached)),
            CacheLookup::Error(error) => Credential::Failed(error.clone()),
            CacheLookup::Miss => self.pending(),
        }
    }

    /// Returns the token for one call:
    /// - the cached token, if it is valid;
    /// - the error of the last token fetch, during the backoff after that fetch;
    /// - otherwise the result of a token fetch, for which the call waits.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<AccessToken, TokenError> {
        match self.lookup(&self.entry.snapshot()) {
            CacheLookup::Token(cached) => return Ok(cached.token.clone()),
            CacheLookup::Error(error) => return Err(error.clone()),
            CacheLookup::Miss => {}
        }
        self.fetched().await.map(|cached| cached.token.clone())
    }

    /// Returns the token for one call, like [`Self::token`]. If the cached token has less than
    /// `min_ttl` left and is in the second half of its lifetime, fetches a new token first. If that
    /// fetch fails, returns the cached token, which is still valid.
    pub(crate) async fn token_with_min_ttl(
        self: &Arc<Self>,
        min_ttl: Duration,
    ) -> Result<AccessToken, TokenError> {
        let token = self.token().await?;
        if !self.entry.retains_token() {
            return Ok(token);
        }
        if !self.entry.refresh_if_shorter(min_ttl, self.now()) {
            // Another call can have replaced the token.
            return self.token().await;
        }
        let Some(attempt) = self.join_or_start() else { return Ok(token) };
        match self.wait_for(attempt).await {
            Some(Ok(cached)) if !self.is_expired(&cached) => Ok(cached.token.clone()),
            // The cached token is still valid.
            _ => Ok(token),
        }
    }

    /// Returns the token for one call, like [`Self::token`]. If `is_rejected` returns true for the
    /// cached token, fetches a new token first, unless the cached token is too young to be replaced
    /// ([`RejectionEffect::TooYoung`]).
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

    /// Looks up the cached token, if it is valid. Otherwise looks up the error of the last token
    /// fetch, if a backoff is active. If the token is due for a refresh, starts a background
    /// refresh.
    #[inline]
    fn lookup<'a>(self: &Arc<Self>, snapshot: &'a EntryState) -> CacheLookup<'a> {
        let now = self.now_nanos();
        match snapshot.fresh_token(now) {
            Some(cached) => {
                cached.hits.increment(1);
                CacheLookup::Token(cached)
            }
            None => self.lookup_without_fresh_token(snapshot, from_unix_nanos(now)),
        }
    }

    /// Looks up a token or an error like [`Self::lookup`]. No token in `snapshot` is fresh.
    #[cold]
    fn lookup_without_fresh_token<'a>(
        self: &Arc<Self>,
        snapshot: &'a EntryState,
        now: SystemTime,
    ) -> CacheLookup<'a> {
        let action = snapshot.action(now);
        match (action, &snapshot.cached, &snapshot.last_error) {
            (TokenAction::Send | TokenAction::SendAndRefresh, Some(cached), _) => {
                cached.hits.increment(1);
                if action == TokenAction::SendAndRefresh {
                    drop(self.join_or_start());
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

    /// Replaces the token of `generation` after a receiver rejected it. Returns the token for a
    /// retry of the request:
    /// - If the entry no longer holds the rejected token: the result of a new lookup.
    /// - If the rejected token is old enough to be replaced: a future that waits for a token fetch.
    /// - Otherwise `None`, no retry: the rejected token is too young, the entry caches no tokens,
    ///   there is no tokio runtime, or the identity was shut down.
    pub(crate) fn replace_rejected(self: &Arc<Self>, generation: u64) -> Option<Credential> {
        let rejection = self.entry.reject(generation, self.now());
        events::token_rejected(&self.client_id, rejection);
        match rejection {
            RejectionEffect::TooYoung | RejectionEffect::NotCached => None,
            RejectionEffect::AlreadyReplaced => Some(self.credential()),
            RejectionEffect::ReplacementDue => {
                let attempt = self.join_or_start()?;
                let manager = Arc::clone(self);
                Some(Credential::Pending(Box::pin(async move {
                    let is_newer = |cached: &CachedToken| cached.generation > generation;
                    let cached = manager.result_of(Some(attempt), is_newer).await?;
                    Ok(SendableToken::from(&*cached))
                })))
            }
        }
    }

    /// Returns a future of the token for one call. The future waits for a token fetch.
    fn pending(self: &Arc<Self>) -> Credential {
        let manager = Arc::clone(self);
        Credential::Pending(Box::pin(async move {
            manager.fetched().await.map(|cached| SendableToken::from(&*cached))
        }))
    }

    /// Waits for a token fetch, and returns its result. Counts the call as waiting.
    async fn fetched(self: &Arc<Self>) -> FetchResult {
        events::call_waits(&self.client_id);
        self.result_of(None, |_| true).await
    }

    /// Waits until a token fetch returns a token that satisfies `is_acceptable`. Waits for the
    /// fetch `first`, if there is one, and then for further fetches.
    ///
    /// Returns an error if [`MAX_ATTEMPTS`] or the [`RetryBudget`] is used up before that, or if no
    /// fetch can start: outside a tokio runtime, and after the identity was shut down.
    async fn result_of(
        self: &Arc<Self>,
        mut first: Option<PendingFetch>,
        is_acceptable: impl Fn(&CachedToken) -> bool,
    ) -> FetchResult {
        let mut budget = RetryBudget::new(self.attempt_timeout);
        let (mut last_error, mut attempts) = (None, 0);
        while attempts < MAX_ATTEMPTS {
            let Some(attempt) = first.take().or_else(|| self.join_or_start()) else { break };
            let is_attempt = matches!(attempt, PendingFetch::Running(..));
            attempts += usize::from(is_attempt);
            // A retry that hangs does not delay the caller beyond the time limit of one token
            // fetch.
            let waiting = self.wait_for(attempt);
            let result = match last_error {
                None => Ok(waiting.await),
                Some(_) => timeout_at(budget.end, waiting).await,
            };
            match result {
                Err(_late) => break,
                Ok(None) => continue,
                // The token can have expired if this task is polled late, after the machine was
                // suspended.
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
            // The budget limits the total length of the pauses. A round without a pause and without
            // a token fetch counts as a fetch, because otherwise the loop would not end.
            attempts += usize::from(!is_attempt && pause.is_zero());
            tokio::select! {
                () = sleep(pause) => {}
                () = self.life.cancelled() => {}
            }
        }
        let error = last_error.filter(|_| !self.life.is_cancelled());
        Err(error.unwrap_or_else(|| self.canceled()))
    }

    /// Joins the running token fetch, or starts one. If no fetch is needed or allowed, returns the
    /// known result: the cached token, or the last error during a backoff. Returns `None` outside a
    /// tokio runtime, and after the identity was shut down.
    fn join_or_start(self: &Arc<Self>) -> Option<PendingFetch> {
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

    /// Waits for the result of a token fetch. Returns `None` if the fetch ended without a result.
    /// In this case, the caller starts another fetch.
    ///
    /// If a fetch has no result when its time limit is over, its tokio runtime has stalled, and the
    /// fetch is abandoned. Exception: another identity with a longer time limit started the fetch.
    /// Then the fetch continues, and this caller gets an error.
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
            result = timeout(self.attempt_timeout + RESULT_GRACE, waiter.clone().outcome()) => match result {
                Ok(result) => result.ok(),
                Err(_late) if self.entry.abandon(&waiter, self.now()) => None,
                Err(_late) => Some(Err(self.canceled())),
            },
            () = self.life.cancelled() => None,
        }
    }

    /// Returns the time limits of a token fetch. A token source has its own, shorter time limit,
    /// and the error at that limit names the slow step. The deadline here is a fallback.
    fn limits(&self) -> TaskLimits {
        TaskLimits { deadline: self.attempt_timeout + RESULT_GRACE / 2, grace: RESULT_GRACE / 2 }
    }

    /// Returns whether `cached` is no longer valid. A token stops being valid shortly before its
    /// expiry.
    fn is_expired(&self, cached: &CachedToken) -> bool {
        cached.schedule.phase(self.now()) == Phase::Hard
    }

    /// Returns the current time of the entry's clock.
    pub(crate) fn now(&self) -> SystemTime {
        self.entry.clock.now(&self.clock)
    }

    /// Returns the current time of the entry's clock in nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn now_nanos(&self) -> u64 {
        self.entry.clock.now_nanos(&self.clock)
    }

    /// Returns the error of a call without a result: `ShutDown` if the identity was shut down,
    /// otherwise `Canceled`.
    fn canceled(&self) -> TokenError {
        let kind = if self.life.is_cancelled() { TokenErrorKind::ShutDown } else { TokenErrorKind::Canceled };
        self.error(FetchFailure::of(kind))
    }

    pub(super) fn error(&self, failure: FetchFailure) -> TokenError {
        TokenError::new(&self.client_id, failure)
    }
}

/// The result of [`TokenManager::lookup`].
enum CacheLookup<'a> {
    /// The cached token, which is valid.
    Token(&'a Arc<CachedToken>),
    /// The error of the last token fetch, during the backoff after that fetch.
    Error(&'a TokenError),
    /// No valid token, and no error to return: the call waits for a token fetch.
    Miss,
}

/// What a call waits for: a running token fetch, or a result that is already known.
enum PendingFetch {
    /// The known result.
    Done(FetchResult),
    /// The running fetch, and its tracing span.
    Running(Waiter<FetchResult>, Option<Span>),
}

/// Limits how long one call waits for retries of failed token fetches.
struct RetryBudget {
    /// The total length of the pauses between token fetches that the call can still wait for.
    pauses: Duration,
    /// The time after which no retry starts.
    last_start: Instant,
    /// The time at which the call stops waiting for a retry, and returns the last error.
    end: Instant,
}

impl RetryBudget {
    fn new(attempt_timeout: Duration) -> Self {
        let now = Instant::now();
        Self { pauses: RETRY_PAUSES, last_start: now + attempt_timeout / 2, end: now + attempt_timeout }
    }

    /// Deducts `pause` from the budget. Returns whether the call can wait for `pause` and then
    /// retry. If false, the call returns the last error instead.
    fn allows(&mut self, pause: Duration) -> bool {
        let left = self.pauses.checked_sub(pause);
        self.pauses = left.unwrap_or_default();
        left.is_some() && Instant::now() + pause <= self.last_start
    }
}

#[cfg(test)]
mod tests;
