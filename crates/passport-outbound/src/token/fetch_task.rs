//! One attempt to get a token, in a task of its own that no caller's cancellation reaches.

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

/// A token with no life left. Sending it would break a promise; asking again at once would be a storm.
#[derive(Debug, thiserror::Error)]
#[error("the token had expired when it arrived, or was about to")]
struct DeadOnArrival;

/// A bug in a secret provider or a transport, most likely. The panic's message is not repeated: it
/// may hold anything, and the panic hook has shown it.
#[derive(Debug, thiserror::Error)]
#[error("the secret provider or the transport panicked")]
struct Panicked;

/// Returns the attempt that `ticket` stands for. It is lost if the future is dropped, even before
/// its first poll.
pub(super) fn run(manager: Arc<TokenManager>, ticket: FetchTicket) -> impl Future<Output = ()> + Send {
    let current_valid_until = manager.note_replacement();
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
            () = manager.life.cancelled() => attempt.call_off(),
            () = stop.cancelled() => attempt.call_off(),
            result = manager.fetch(request, number) => attempt.end(result),
        }
    };
    work.instrument(span)
}

impl TokenManager {
    async fn fetch(&self, request: FetchRequest, number: u64) -> Result<CachedToken, FetchError> {
        let timer = FetchTimer::start(&self.client_id);
        // The source keeps its own time and says what it was that took so long; this is in case it does not.
        let fetched = AssertUnwindSafe(self.source.fetch(request.clone())).catch_unwind();
        let fetched = match timeout(self.attempt_timeout + GRACE / 2, fetched).await {
            Ok(Ok(fetched)) => fetched.and_then(|fetched| Ok(self.judged(fetched, &request, number)?)),
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

    /// Until when there is a token meanwhile. It is measured.
    fn note_replacement(&self) -> Option<Instant> {
        let (snapshot, now) = (self.entry.snapshot(), self.now());
        let live = snapshot.cached.as_deref().filter(|cached| cached.schedule.phase(now) != Phase::Hard);
        if let Some(cached) = live {
            events::replacing(&self.client_id, &cached.token, self.clock.now());
        }
        live.and_then(|cached| Instant::now().checked_add(cached.schedule.left(now)))
    }

    fn judged(
        &self,
        fetched: FetchedToken,
        request: &FetchRequest,
        number: u64,
    ) -> Result<CachedToken, Failure> {
        let is_it = |other: &AccessToken| other.authorization() == fetched.token.authorization();
        if request.current.as_ref().is_some_and(is_it) || request.excluded.as_ref().is_some_and(is_it) {
            return Err(Failure::of(TokenErrorKind::Repeated));
        }
        // Sources go by the wall clock. It may have been set back meanwhile; but no token was minted in the future.
        let now = self.now();
        let issued_at = self.entry.time.of(fetched.issued_at).min(now);
        let schedule = self.policy.schedule(issued_at, fetched.lifetime);
        if fetched.lifetime < LEAST_LIFE || schedule.phase(now) == Phase::Hard {
            return Err(Failure::of(TokenErrorKind::UnusableResponse).caused_by(DeadOnArrival));
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

/// An attempt on its way. It is lost if its runtime ends before it.
struct Attempt {
    manager: Arc<TokenManager>,
    /// Taken at the end.
    ticket: Option<FetchTicket>,
}

impl Attempt {
    fn end(mut self, result: Result<CachedToken, FetchError>) {
        let (manager, Some(ticket)) = (Arc::clone(&self.manager), self.ticket.take()) else { return };
        match result {
            Ok(cached) => {
                events::token_fetched(&manager.client_id, &cached);
                manager.entry.succeed(ticket, cached);
            }
            Err(FetchError::Postponed) => manager.entry.call_off(ticket),
            Err(FetchError::Failed(failure)) => {
                let error = manager.error(failure);
                events::fetch_failed(&manager.client_id, &error);
                manager.entry.fail(ticket, error, manager.now(), fastrand::f64());
            }
        }
    }

    fn call_off(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.manager.entry.call_off(ticket);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            events::fetch_dropped(&self.manager.client_id);
            self.manager.entry.lose(ticket);
        }
    }
}
