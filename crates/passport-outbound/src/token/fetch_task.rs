//! Runs a token fetch in its own task, so that a canceled caller does not cancel the fetch.

use std::{sync::Arc, time::Duration};

use passport_core::{AccessToken, Attempt, Clock, TaskError};
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    CachedToken, FetchFailure, FetchRequest, FetchedToken, MIN_LIFETIME, Phase, SourceError, TokenErrorKind,
    TokenManager,
    cache_entry::{FetchResult, FetchTicket},
    events::{self, FetchTimer},
};

/// The error for a fetched token that has expired or is about to. Without the backoff that this
/// failure starts, each call would fetch another token.
#[derive(Debug, thiserror::Error)]
#[error("the fetched token has expired or is about to; check the identity's token lifetime and the clocks")]
struct ExpiredOnArrival;

/// The error for a panic of a secret provider or a transport. The panic message is left out,
/// because it can contain a secret, and the panic hook has already reported it.
#[derive(Debug, thiserror::Error)]
#[error("the secret provider or the HTTP transport panicked")]
struct Panicked;

/// The result of the token source, before the entry caches the token or starts a backoff.
type Fetched = Result<CachedToken, SourceError>;

/// Returns the future that runs the token fetch with `ticket`. If the future is dropped, even
/// before its first poll, the calls that wait for the fetch start another fetch
/// ([`TokenEntry::dropped`](super::TokenEntry::dropped)).
pub(super) fn run(
    manager: Arc<TokenManager>,
    attempt: Attempt<FetchResult>,
    ticket: FetchTicket,
) -> impl Future<Output = ()> + Send {
    let current_valid_until = manager.current_valid_until();
    let request = FetchRequest {
        current: ticket.current.clone(),
        current_valid_until,
        excluded: ticket.excluded.clone(),
    };
    let (number, stop) = (ticket.number, ticket.stop.clone());
    let span = events::fetch_span(&manager.client_id, &request);
    let _ = ticket.span.set(span.clone());
    let timer = FetchTimer::start(&manager.client_id);
    let fetching = Arc::clone(&manager);
    let work = async move {
        tokio::select! {
            biased;
            () = fetching.life.cancelled() => None,
            () = stop.cancelled() => None,
            fetched = fetching.fetch(request, number) => Some(fetched),
        }
    };
    attempt.run(work, move |result| manager.complete(&ticket, timer, result)).instrument(span)
}

impl TokenManager {
    /// Fetches a token from the source, and checks it. `number` is the number of the token fetch,
    /// which becomes the generation of the token.
    async fn fetch(&self, request: FetchRequest, number: u64) -> Fetched {
        let fetched = self.source.fetch(request.clone()).await?;
        Ok(self.checked(fetched, &request, number)?)
    }

    /// Passes the result of a token fetch to the entry, and returns the result for the calls that
    /// wait for the fetch. `result` is `Ok(None)` if the fetch was canceled.
    ///
    /// Returns `None` if the waiting calls have to start another fetch:
    /// - The fetch was canceled, postponed, or dropped with its tokio runtime.
    /// - The token was invalidated after the fetch began.
    fn complete(
        &self,
        ticket: &FetchTicket,
        timer: FetchTimer,
        result: Result<Option<Fetched>, TaskError>,
    ) -> Option<FetchResult> {
        let fetched = match result {
            Ok(fetched) => fetched.unwrap_or(Err(SourceError::Postponed)),
            Err(TaskError::Dropped) => {
                events::fetch_dropped(&self.client_id);
                self.entry.dropped(ticket);
                return None;
            }
            Err(TaskError::Panicked) => {
                Err(FetchFailure::of(TokenErrorKind::Canceled).with_source(Panicked).into())
            }
            Err(late @ TaskError::DeadlineExceeded) => {
                Err(FetchFailure::of(TokenErrorKind::Unavailable).with_source(late).into())
            }
        };
        match fetched {
            Ok(cached) => {
                timer.end(None);
                events::token_fetched(&self.client_id, &cached);
                self.entry.succeed(ticket, cached)
            }
            Err(SourceError::Postponed) => {
                self.entry.cancel(ticket);
                None
            }
            Err(SourceError::Failed(failure)) => {
                timer.end(Some(failure.kind));
                let error = self.error(failure);
                events::fetch_failed(&self.client_id, &error, self.token_left());
                Some(self.entry.fail(ticket, error, self.now(), fastrand::f64()))
            }
        }
    }

    /// Returns how long the cached token is still valid. `None` without a valid token.
    fn token_left(&self) -> Option<Duration> {
        let (snapshot, now) = (self.entry.snapshot(), self.now());
        let left = snapshot.cached.as_deref().map(|cached| cached.schedule.left(now));
        left.filter(|left| !left.is_zero())
    }

    /// Returns the time until which the cached token is valid, and counts this fetch as a
    /// background refresh. Without a valid token, returns `None` and counts nothing.
    fn current_valid_until(&self) -> Option<Instant> {
        let (snapshot, now) = (self.entry.snapshot(), self.now());
        let valid = snapshot.cached.as_deref().filter(|cached| cached.schedule.phase(now) != Phase::Hard);
        if let Some(cached) = valid {
            events::replacing(&self.client_id, &cached.token, self.clock.now());
        }
        valid.and_then(|cached| Instant::now().checked_add(cached.schedule.left(now)))
    }

    /// Checks a fetched token, and returns it with its refresh schedule.
    ///
    /// # Errors
    /// When `fetched` is one of these:
    /// - the current or the excluded token of `request`;
    /// - a token that has expired, is about to expire, or has a lifetime below [`MIN_LIFETIME`].
    fn checked(
        &self,
        fetched: FetchedToken,
        request: &FetchRequest,
        number: u64,
    ) -> Result<CachedToken, FetchFailure> {
        let is_same = |other: &AccessToken| other.authorization() == fetched.token.authorization();
        if request.current.as_ref().is_some_and(is_same) || request.excluded.as_ref().is_some_and(is_same) {
            return Err(FetchFailure::of(TokenErrorKind::Unchanged));
        }
        // The token source read `issued_at` from the wall clock. If that clock was set back since
        // then, the converted time is in the future, and the current time is used instead.
        let now = self.now();
        let issued_at = self.entry.clock.at_wall(fetched.issued_at).min(now);
        let schedule = self.policy.schedule(issued_at, fetched.lifetime);
        if fetched.lifetime < MIN_LIFETIME || schedule.phase(now) == Phase::Hard {
            return Err(FetchFailure::of(TokenErrorKind::InvalidResponse).with_source(ExpiredOnArrival));
        }
        Ok(CachedToken {
            token: fetched.token,
            schedule,
            generation: number,
            missing_scopes: fetched.missing_scopes.into(),
            hits: events::hit_counter(&self.client_id),
        })
    }
}
