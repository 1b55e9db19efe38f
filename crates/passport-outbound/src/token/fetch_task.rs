//! One attempt to get a token, in a task of its own that no caller's cancellation reaches.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use passport_core::AccessToken;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::{
    Ask, Engine, Failure, Kept, LEAST_LIFE, Minted, NotMinted, Phase, TokenErrorKind,
    entry::Ticket,
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
pub(super) fn run(engine: Arc<Engine>, ticket: Ticket) -> impl Future<Output = ()> + Send {
    let live_until = engine.note_replacement();
    let ask = Ask { held: ticket.held.clone(), live_until, unwanted: ticket.unwanted.clone() };
    let (number, stop) = (ticket.number, ticket.stop.clone());
    let span = events::fetch_span(&engine.client_id, &ask);
    let _ = ticket.span.set(span.clone());
    let attempt = Attempt { engine: Arc::clone(&engine), ticket: Some(ticket) };
    let work = async move {
        tokio::select! {
            biased;
            () = engine.life.cancelled() => attempt.call_off(),
            () = stop.cancelled() => attempt.call_off(),
            result = engine.mint(ask, number) => attempt.end(result),
        }
    };
    work.instrument(span)
}

impl Engine {
    async fn mint(&self, ask: Ask, number: u64) -> Result<Kept, NotMinted> {
        let timer = FetchTimer::start(&self.client_id);
        // The source keeps its own time and says what it was that took so long; this is in case it does not.
        let minted = AssertUnwindSafe(self.source.mint(ask.clone())).catch_unwind();
        let minted = match timeout(self.attempt_timeout + GRACE / 2, minted).await {
            Ok(Ok(minted)) => minted.and_then(|minted| Ok(self.judged(minted, &ask, number)?)),
            Ok(Err(_panic)) => Err(Failure::of(TokenErrorKind::Aborted).caused_by(Panicked).into()),
            Err(late) => Err(Failure::of(TokenErrorKind::Unavailable).caused_by(late).into()),
        };
        match &minted {
            Ok(_) => timer.end(None),
            Err(NotMinted::Failed(failure)) => timer.end(Some(failure.kind())),
            Err(NotMinted::Postponed) => {}
        }
        minted
    }

    /// Until when there is a token meanwhile. It is measured.
    fn note_replacement(&self) -> Option<Instant> {
        let (snapshot, now) = (self.slot.snapshot(), self.now());
        let live = snapshot.kept.as_deref().filter(|kept| kept.schedule.phase(now) != Phase::Hard);
        if let Some(kept) = live {
            events::replacing(&self.client_id, &kept.token, self.clock.now());
        }
        live.and_then(|kept| Instant::now().checked_add(kept.schedule.left(now)))
    }

    fn judged(&self, minted: Minted, ask: &Ask, number: u64) -> Result<Kept, Failure> {
        let is_it = |other: &AccessToken| other.authorization() == minted.token.authorization();
        if ask.held.as_ref().is_some_and(is_it) || ask.unwanted.as_ref().is_some_and(is_it) {
            return Err(Failure::of(TokenErrorKind::Repeated));
        }
        // Sources go by the wall clock. It may have been set back meanwhile; but no token was minted in the future.
        let now = self.now();
        let minted_at = self.slot.time.of(minted.minted_at).min(now);
        let schedule = self.policy.schedule(minted_at, minted.lifetime);
        if minted.lifetime < LEAST_LIFE || schedule.phase(now) == Phase::Hard {
            return Err(Failure::of(TokenErrorKind::UnusableResponse).caused_by(DeadOnArrival));
        }
        Ok(Kept {
            token: minted.token,
            schedule,
            generation: number,
            missing_scopes: minted.missing_scopes.into(),
            hits: events::hit_counter(&self.client_id),
        })
    }
}

/// An attempt on its way. It is lost if its runtime ends before it.
struct Attempt {
    engine: Arc<Engine>,
    /// Taken at the end.
    ticket: Option<Ticket>,
}

impl Attempt {
    fn end(mut self, result: Result<Kept, NotMinted>) {
        let (engine, Some(ticket)) = (Arc::clone(&self.engine), self.ticket.take()) else { return };
        match result {
            Ok(kept) => {
                events::token_fetched(&engine.client_id, &kept);
                engine.slot.succeed(ticket, kept);
            }
            Err(NotMinted::Postponed) => engine.slot.call_off(ticket),
            Err(NotMinted::Failed(failure)) => {
                let error = engine.error(failure);
                events::fetch_failed(&engine.client_id, &error);
                engine.slot.fail(ticket, error, engine.now(), fastrand::f64());
            }
        }
    }

    fn call_off(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.engine.slot.call_off(ticket);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            events::fetch_dropped(&self.engine.client_id);
            self.engine.slot.lose(ticket);
        }
    }
}
