//! An attempt to fetch a token, in a task of its own, which the cancellation of a caller does not
//! end.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use passport_core::AccessToken;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::{
    CachedToken, Failure, FetchError, FetchRequest, FetchedToken, LEAST_LIFE, Phase, TokenErrorKind,
    TokenManager,
    entry::FetchTicket,
    events::{self, FetchTimer},
    manager::GRACE,
};

/// A token without any lifetime left. It is not sent, and the pause after a failure prevents a
/// storm of requests.
#[derive(Debug, thiserror::Error)]
#[error("the token had expired when it arrived, or was about to")]
struct ExpiredOnArrival;

/// A panic of a secret provider or a transport. Its message is left out: it may hold a secret, and
/// the panic hook has reported it.
#[derive(Debug, thiserror::Error)]
#[error("the secret provider or the transport panicked")]
struct Panicked;

/// Returns the attempt of `ticket`. If the future is dropped, even before its first poll, the entry
/// records that.
pub(super) fn run(manager: Arc<TokenManager>, ticket: FetchTicket) -> impl Future<Output = ()> + Send {
    let current_valid_until = manager.current_valid_until();
    let request = FetchRequest {
        current: ticket.current.clone(),
        current_valid_until,
        excluded: ticket.excluded.clone(),
    };
    let (number, stop) = (ticket.number, ticket.stop.clone());
    let span = events::fetch_span(&manager.client_id, &request);
    let _ = ticket.span.set(span.clone());
    let attempt = Attempt { manager: Arc::clone(&manager), ticket: Some(ticket) };
    let work = async move {
        tokio::select! {
            biased;
            () = manager.life.cancelled() => attempt.cancel(),
            () = stop.cancelled() => attempt.cancel(),
            result = manager.fetch(request, number) => attempt.finish(result),
        }
    };
    work.instrument(span)
}

impl TokenManager {
    async fn fetch(&self, request: FetchRequest, number: u64) -> Result<CachedToken, FetchError> {
        let timer = FetchTimer::start(&self.client_id);
        // The source has its own time limit and reports what took so long; this one is a fallback.
        let fetched = AssertUnwindSafe(self.source.fetch(request.clone())).catch_unwind();
        let fetched = match timeout(self.attempt_timeout + GRACE / 2, fetched).await {
            Ok(Ok(fetched)) => fetched.and_then(|fetched| Ok(self.checked(fetched, &request, number)?)),
            Ok(Err(_panic)) => Err(Failure::of(TokenErrorKind::Aborted).caused_by(Panicked).into()),
            Err(late) => Err(Failure::of(TokenErrorKind::Unavailable).caused_by(late).into()),
        };
        match &fetched {
            Ok(_) => timer.end(None),
            Err(FetchError::Failed(failure)) => timer.end(Some(failure.kind())),
            Err(FetchError::Postponed) => {}
        }
        fetched
    }

    /// Returns the end of the time in which the current token may be sent, and records its
    /// replacement.
    fn current_valid_until(&self) -> Option<Instant> {
        let (snapshot, now) = (self.entry.snapshot(), self.now());
        let live = snapshot.cached.as_deref().filter(|cached| cached.schedule.phase(now) != Phase::Hard);
        if let Some(cached) = live {
            events::replacing(&self.client_id, &cached.token, self.clock.now());
        }
        live.and_then(|cached| Instant::now().checked_add(cached.schedule.left(now)))
    }

    /// Returns the token to cache, unless it is the one to replace or has no lifetime left.
    fn checked(
        &self,
        fetched: FetchedToken,
        request: &FetchRequest,
        number: u64,
    ) -> Result<CachedToken, Failure> {
        let is_same = |other: &AccessToken| other.authorization() == fetched.token.authorization();
        if request.current.as_ref().is_some_and(is_same) || request.excluded.as_ref().is_some_and(is_same) {
            return Err(Failure::of(TokenErrorKind::Repeated));
        }
        // Sources use the wall clock, which may have been set back; but no token was issued in the
        // future.
        let now = self.now();
        let issued_at = self.entry.clock.at_wall(fetched.issued_at).min(now);
        let schedule = self.policy.schedule(issued_at, fetched.lifetime);
        if fetched.lifetime < LEAST_LIFE || schedule.phase(now) == Phase::Hard {
            return Err(Failure::of(TokenErrorKind::UnusableResponse).caused_by(ExpiredOnArrival));
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

/// A running attempt. It reports to the entry when it is dropped with its runtime.
struct Attempt {
    manager: Arc<TokenManager>,
    /// Taken when the attempt has reported.
    ticket: Option<FetchTicket>,
}

impl Attempt {
    fn finish(mut self, result: Result<CachedToken, FetchError>) {
        let (manager, Some(ticket)) = (Arc::clone(&self.manager), self.ticket.take()) else { return };
        match result {
            Ok(cached) => {
                events::token_fetched(&manager.client_id, &cached);
                manager.entry.succeed(ticket, cached);
            }
            Err(FetchError::Postponed) => manager.entry.cancel(ticket),
            Err(FetchError::Failed(failure)) => {
                let error = manager.error(failure);
                events::fetch_failed(&manager.client_id, &error);
                manager.entry.fail(ticket, error, manager.now(), fastrand::f64());
            }
        }
    }

    fn cancel(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.manager.entry.cancel(ticket);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            events::fetch_dropped(&self.manager.client_id);
            self.manager.entry.dropped(ticket);
        }
    }
}
