//! Drives one slot: decides with `refresh`, fetches through a source, keeps in the slot.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use passport_core::{AccessToken, ClientId, Clock, Flight, Lead, Role};
use tokio::time::timeout;

use crate::{
    TokenError, TokenErrorKind,
    cache::{Kept, Outcome, Slot},
    credential::{Credential, PendingCredential},
    error::Failure,
    refresh::{Phase, RefreshPolicy},
    telemetry,
};

/// Who mints tokens. Called in a task of its own, never twice at a time for one slot.
pub(crate) trait TokenSource: fmt::Debug + Send + Sync + 'static {
    fn mint(&self) -> MintFuture<'_>;
}

pub(crate) type MintFuture<'a> = Pin<Box<dyn Future<Output = Result<Minted, Failure>> + Send + 'a>>;

/// A token as the source gave it.
pub(crate) struct Minted {
    pub(crate) access_token: String,
    pub(crate) lifetime: Duration,
}

/// A token with no life left. Sending it would break a promise; asking again at once would be a storm.
#[derive(Debug, thiserror::Error)]
#[error("the token had expired when it arrived")]
struct DeadOnArrival;

/// How much longer than an attempt may take its outcome is waited for.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) client_id: ClientId,
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) policy: RefreshPolicy,
    /// The most that the source takes.
    pub(crate) attempt_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Engine {
    /// The token, at once if there is one that may be sent.
    pub(crate) fn credential(self: &Arc<Self>) -> Credential {
        if let Some(token) = self.live_token() {
            return Credential::Ready(token.into_authorization());
        }
        let fetched = Arc::clone(self).fetched();
        Credential::Pending(PendingCredential::new(async {
            fetched.await.map(AccessToken::into_authorization)
        }))
    }

    /// The token, waiting for it if need be.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<AccessToken, TokenError> {
        match self.live_token() {
            Some(token) => Ok(token),
            None => Arc::clone(self).fetched().await,
        }
    }

    /// The kept token if it may be sent. Sees to its successor when it is time; nobody waits for that.
    fn live_token(self: &Arc<Self>) -> Option<AccessToken> {
        let kept = self.slot.kept();
        let kept = kept.as_deref()?;
        let now = self.clock.now();
        match kept.schedule.phase(now) {
            Phase::Fresh => {}
            // An attempt would come to the same, at the price of a seat in it for each call.
            Phase::Soft if self.slot.pausing(now).is_some() => {}
            Phase::Soft => drop(self.attempt()),
            Phase::Hard => return None,
        }
        Some(kept.token.clone())
    }

    async fn fetched(self: Arc<Self>) -> Result<AccessToken, TokenError> {
        let aborted = || self.error(Failure::of(TokenErrorKind::Aborted));
        let outcome = match self.outcome().await {
            Some(outcome) => outcome,
            // Lost, perhaps with the runtime of whoever led it. Ours may be well, so once more.
            None => self.outcome().await.unwrap_or_else(|| Err(aborted())),
        };
        let kept = outcome?;
        match kept.schedule.phase(self.clock.now()) {
            Phase::Fresh | Phase::Soft => Ok(kept.token.clone()),
            // Whoever waits may be polled late, after the machine has slept.
            Phase::Hard => Err(aborted()),
        }
    }

    /// The outcome of an attempt, if it has one. An attempt is bounded in time; one that says nothing for longer sits on a
    /// runtime that nobody drives, and is given up.
    async fn outcome(self: &Arc<Self>) -> Option<Outcome> {
        let flight = self.attempt();
        // Without a runtime nothing was started, so the wait ends by itself, and there is no timer to end it.
        if tokio::runtime::Handle::try_current().is_err() {
            return flight.outcome().await;
        }
        let waited = timeout(self.attempt_timeout + GRACE, flight.clone().outcome()).await;
        waited.unwrap_or_else(|_| {
            self.slot.flights.give_up(&flight);
            None
        })
    }

    /// Joins the running attempt or starts one, in a task that no caller's cancellation reaches.
    fn attempt(self: &Arc<Self>) -> Flight<Outcome> {
        match self.slot.flights.join() {
            Role::Follower(flight) => flight,
            Role::Leader(lead, flight) => {
                // The attempt before this one may have ended between a caller's look at the slot and its taking the
                // lead; or it is too soon for another.
                if let Some(outcome) = self.settled() {
                    lead.land(outcome);
                } else if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(Attempt { engine: Arc::clone(self), lead: Some(lead) }.run());
                }
                // Without a runtime the lead is dropped here, and the flight ends without an outcome.
                flight
            }
        }
    }

    fn settled(&self) -> Option<Outcome> {
        let now = self.clock.now();
        let fresh =
            self.slot.kept().as_ref().filter(|kept| kept.schedule.phase(now) == Phase::Fresh).map(Arc::clone);
        fresh.map(Ok).or_else(|| self.slot.pausing(now).map(Err))
    }

    async fn mint(&self) -> Outcome {
        let asked_at = self.clock.now();
        let minted = self.source.mint().await.and_then(|minted| {
            let expires_at = asked_at.checked_add(minted.lifetime).unwrap_or(asked_at);
            let token = AccessToken::new(&minted.access_token, expires_at)
                .map_err(|error| Failure::of(TokenErrorKind::UnusableResponse).caused_by(error))?;
            // The life counts from before the request, so that a slow answer is not trusted for too long.
            let schedule = self.policy.schedule(asked_at, minted.lifetime);
            if schedule.phase(self.clock.now()) == Phase::Hard {
                return Err(Failure::of(TokenErrorKind::UnusableResponse).caused_by(DeadOnArrival));
            }
            Ok(Arc::new(Kept { token, schedule }))
        });
        match minted {
            Ok(kept) => {
                telemetry::token_fetched(&self.client_id, &kept.token);
                self.slot.install(Arc::clone(&kept));
                Ok(kept)
            }
            Err(failure) => {
                let error = self.error(failure);
                telemetry::token_not_fetched(&self.client_id, &error);
                self.slot.note_failure(&error, self.clock.now(), fastrand::f64());
                Err(error)
            }
        }
    }

    fn note_loss(&self) {
        let error = self.error(Failure::of(TokenErrorKind::Aborted));
        telemetry::token_not_fetched(&self.client_id, &error);
        self.slot.note_loss(&error, self.clock.now(), fastrand::f64());
    }

    fn error(&self, failure: Failure) -> TokenError {
        TokenError::new(&self.client_id, failure)
    }
}

/// An attempt on its way. It may be lost: its source panics, or its runtime goes away.
struct Attempt {
    engine: Arc<Engine>,
    /// Taken when there is an outcome.
    lead: Option<Lead<Outcome>>,
}

impl Attempt {
    async fn run(mut self) {
        let outcome = self.engine.mint().await;
        if let Some(lead) = self.lead.take() {
            lead.land(outcome);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.lead.is_some() {
            self.engine.note_loss();
        }
    }
}

#[cfg(test)]
mod tests;
