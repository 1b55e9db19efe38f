//! Drives one slot: looks at its snapshot, and has tokens minted when there is need.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use passport_core::{AccessToken, ClientId, Clock, Flight};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Span;

use super::{
    CachedToken, Credential, Failure, PendingCredential, Phase, RefreshPolicy, RejectionEffect,
    SendableToken, Snapshot, TokenEntry, TokenError, TokenErrorKind, TokenSource, background_runtime,
    entry::{FetchResult, FetchStart},
    events, fetch_task,
    step::Step,
};

/// How much longer than an attempt may take its outcome is waited for.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// How many attempts a caller waits for: one may be lost with somebody's runtime, called off with the identity of whoever
/// led it, or not wanted any more because the token was invalidated.
const TRIES: usize = 10;

/// How long a caller without a token waits for retries in all, beside the attempts themselves.
const RETRY_PAUSES: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct TokenManager {
    pub(crate) client_id: ClientId,
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) entry: Arc<TokenEntry>,
    pub(crate) policy: RefreshPolicy,
    /// The most that an attempt takes.
    pub(crate) attempt_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// Cancelled when the identity is shut down, or nobody has it any more.
    pub(crate) life: CancellationToken,
    pub(crate) attempts: TaskTracker,
}

impl TokenManager {
    /// The token, at once if there is one that may be sent.
    pub(crate) fn credential(self: &Arc<Self>) -> Credential {
        let snapshot = self.entry.snapshot();
        match self.look(&snapshot) {
            Lookup::Token(cached) => Credential::Ready(SendableToken::from(&**cached)),
            Lookup::Error(error) => Credential::Failed(error.clone()),
            Lookup::Nothing => self.pending(),
        }
    }

    /// The token, waiting for it if need be.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<AccessToken, TokenError> {
        match self.look(&self.entry.snapshot()) {
            Lookup::Token(cached) => return Ok(cached.token.clone()),
            Lookup::Error(error) => return Err(error.clone()),
            Lookup::Nothing => {}
        }
        self.fetched().await.map(|cached| cached.token.clone())
    }

    /// One with that much life left, if it can be had.
    pub(crate) async fn token_for(self: &Arc<Self>, life: Duration) -> Result<AccessToken, TokenError> {
        let token = self.token().await?;
        if !self.entry.is_to_be_replaced(life, self.now()) {
            // Somebody may have replaced it meanwhile.
            return self.token().await;
        }
        let Some(attempt) = self.attempt() else { return Ok(token) };
        match self.wait_for(attempt).await {
            Some(Ok(cached)) if !self.is_dead(&cached) => Ok(cached.token.clone()),
            // The one there is goes on.
            _ => Ok(token),
        }
    }

    /// One in the place of the kept one, if that was refused.
    pub(crate) async fn token_after_refusal(
        self: &Arc<Self>,
        is_refused: impl FnOnce(&AccessToken) -> bool,
    ) -> Result<AccessToken, TokenError> {
        let snapshot = self.entry.snapshot().clone();
        let refused = snapshot.cached.as_ref().filter(|cached| is_refused(&cached.token));
        match refused.and_then(|cached| self.replace_rejected(cached.generation)) {
            None | Some(Credential::Ready(_)) => self.token().await,
            Some(Credential::Failed(error)) => Err(error),
            Some(Credential::Pending(pending)) => {
                pending.await?;
                self.token().await
            }
        }
    }

    /// What a caller may have at once. Sees to the successor of a token when it is time; nobody waits for that.
    fn look<'a>(self: &Arc<Self>, snapshot: &'a Snapshot) -> Lookup<'a> {
        let step = snapshot.step(self.now());
        match (step, &snapshot.cached, &snapshot.last_error) {
            (Step::Send | Step::SendAndRefresh, Some(cached), _) => {
                cached.hits.increment(1);
                if step == Step::SendAndRefresh {
                    drop(self.attempt());
                }
                Lookup::Token(cached)
            }
            (Step::Refuse, _, Some(error)) => {
                events::cached_error(&self.client_id);
                Lookup::Error(error)
            }
            _ => Lookup::Nothing,
        }
    }

    /// A receiver refused the token of `generation`: a newer one to send instead, if it makes sense to try.
    pub(crate) fn replace_rejected(self: &Arc<Self>, generation: u64) -> Option<Credential> {
        let rejection = self.entry.reject(generation, self.now());
        events::token_rejected(&self.client_id, rejection);
        match rejection {
            RejectionEffect::TooYoung | RejectionEffect::NotKept => None,
            RejectionEffect::Superseded => Some(self.credential()),
            RejectionEffect::Due => {
                let attempt = self.attempt()?;
                let manager = Arc::clone(self);
                Some(Credential::Pending(PendingCredential::new(async move {
                    let is_newer = |cached: &CachedToken| cached.generation > generation;
                    manager.outcome(Some(attempt), is_newer).await.map(|cached| SendableToken::from(&*cached))
                })))
            }
        }
    }

    fn pending(self: &Arc<Self>) -> Credential {
        let manager = Arc::clone(self);
        Credential::Pending(PendingCredential::new(async move {
            manager.fetched().await.map(|cached| SendableToken::from(&*cached))
        }))
    }

    async fn fetched(self: &Arc<Self>) -> FetchResult {
        events::call_waits(&self.client_id);
        self.outcome(None, |_| true).await
    }

    /// Waits for an attempt that brings a token that `is_wanted`, `first` at first, and for
    /// retries.
    async fn outcome(
        self: &Arc<Self>,
        mut first: Option<PendingFetch>,
        is_wanted: impl Fn(&CachedToken) -> bool,
    ) -> FetchResult {
        let mut patience = RetryBudget::new(self.attempt_timeout);
        let mut last_error = None;
        for _ in 0..TRIES {
            let Some(attempt) = first.take().or_else(|| self.attempt()) else { break };
            // A retry that hangs must not keep the caller for longer than one attempt would.
            let waiting = self.wait_for(attempt);
            let outcome = match last_error {
                None => Ok(waiting.await),
                Some(_) => timeout_at(patience.end, waiting).await,
            };
            match outcome {
                Err(_late) => break,
                Ok(None) => continue,
                // Whoever waits may be polled late, after the machine has slept.
                Ok(Some(Ok(cached))) if !self.is_dead(&cached) && is_wanted(&cached) => return Ok(cached),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => last_error = Some(error),
            }
            let snapshot = self.entry.snapshot().clone();
            let Some(pause) = snapshot.retry_in(self.now()).filter(|pause| patience.allows(*pause)) else {
                last_error = last_error.or_else(|| snapshot.last_error.clone());
                break;
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.life.cancelled() => {}
            }
        }
        let error = last_error.filter(|_| !self.life.is_cancelled());
        Err(error.unwrap_or_else(|| self.aborted()))
    }

    /// The running attempt, or one that was started for the purpose. None if none can be started.
    fn attempt(self: &Arc<Self>) -> Option<PendingFetch> {
        let runtime = Handle::try_current().ok().filter(|_| !self.life.is_cancelled())?;
        match self.entry.begin(self.now(), self.attempt_timeout + GRACE) {
            FetchStart::Settled(outcome) => Some(PendingFetch::Here(outcome)),
            FetchStart::Following(flight, span) => Some(PendingFetch::Flight(flight, span)),
            FetchStart::Leading(ticket, flight) => {
                let (detached, span) = (ticket.detached, Arc::clone(&ticket.span));
                let attempt = self.attempts.track_future(fetch_task::run(Arc::clone(self), ticket));
                if detached {
                    background_runtime::spawn(attempt, &runtime);
                } else {
                    drop(runtime.spawn(attempt));
                }
                Some(PendingFetch::Flight(flight, span.get().cloned()))
            }
        }
    }

    /// The outcome of an attempt, if it has one. An attempt is bounded in time; one that says nothing for longer sits on a
    /// runtime that nobody drives, and is given up, unless whoever started it gives it more time than we do.
    async fn wait_for(&self, attempt: PendingFetch) -> Option<FetchResult> {
        let flight = match attempt {
            PendingFetch::Here(outcome) => return Some(outcome),
            PendingFetch::Flight(flight, span) => {
                events::link_to_fetch(span.as_ref());
                flight
            }
        };
        tokio::select! {
            biased;
            outcome = timeout(self.attempt_timeout + GRACE, flight.clone().outcome()) => match outcome {
                Ok(outcome) => outcome,
                Err(_late) if self.entry.give_up(&flight, self.now()) => None,
                Err(_late) => Some(Err(self.aborted())),
            },
            () = self.life.cancelled() => None,
        }
    }

    fn is_dead(&self, cached: &CachedToken) -> bool {
        cached.schedule.phase(self.now()) == Phase::Hard
    }

    /// The time by which everything in the slot goes.
    pub(crate) fn now(&self) -> SystemTime {
        self.entry.time.now(&*self.clock)
    }

    fn aborted(&self) -> TokenError {
        let kind = if self.life.is_cancelled() { TokenErrorKind::ShutDown } else { TokenErrorKind::Aborted };
        self.error(Failure::of(kind))
    }

    pub(super) fn error(&self, failure: Failure) -> TokenError {
        TokenError::new(&self.client_id, failure)
    }
}

/// What a look at the slot shows.
enum Lookup<'a> {
    Token(&'a Arc<CachedToken>),
    Error(&'a TokenError),
    Nothing,
}

/// An attempt, or what is known without one.
enum PendingFetch {
    Here(FetchResult),
    Flight(Flight<FetchResult>, Option<Span>),
}

/// How long a caller still waits for retries.
struct RetryBudget {
    left: Duration,
    /// No retry begins later.
    until: Instant,
    /// No retry is waited for any longer.
    end: Instant,
}

impl RetryBudget {
    fn new(attempt_timeout: Duration) -> Self {
        let now = Instant::now();
        Self { left: RETRY_PAUSES, until: now + attempt_timeout / 2, end: now + attempt_timeout }
    }

    fn allows(&mut self, pause: Duration) -> bool {
        let left = self.left.checked_sub(pause);
        self.left = left.unwrap_or_default();
        left.is_some() && Instant::now() + pause <= self.until
    }
}

#[cfg(test)]
mod tests;
