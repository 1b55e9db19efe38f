//! The running call about a token, which concurrent requests share.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use passport_core::{Clock, SharedTask, TaskError, TaskLimits, Waiter, unix_nanos};
use tokio::{runtime::Handle, time::Instant};

use super::{
    Active, Introspector, Question, TokenHash,
    answer::{Answer, InvalidAnswer},
    cache::Cached,
    error::{CallError, IntrospectionError},
    events,
    lane::{Lane, OVERLOAD_RETRY_AFTER},
    nanos,
};

/// How long after its last possible end a call counts as stalled, with its runtime.
const GRACE: Duration = Duration::from_secs(1);

/// How long the answer about an opaque token without an expiry is cached, in nanoseconds: 60 s, the
/// maximum age of answers.
const WITHOUT_EXPIRY: u64 = 60 * 1_000_000_000;

/// The outcome of a call, for all requests that share it.
type Outcome = Result<Active, IntrospectionError>;

/// A running call.
pub(super) type Flight = Arc<SharedTask<Outcome>>;

/// What a request has to do for an answer.
pub(super) enum Joined {
    /// Nothing: the cache has the answer.
    Settled(Outcome),
    /// It waits for a call.
    Running(Waiter<Outcome>),
    /// No call can be made now. A retry can succeed after this time.
    NotAdmitted(Duration),
}

/// A response of the issuer, after its signature was verified if it must have one.
struct Response {
    /// The position of the call in the order of the requests and calls.
    asked: u64,
    /// The time from which the age of the answer counts, in nanoseconds since the Unix epoch.
    checked_at: u64,
    body: Bytes,
}

/// A call that was admitted.
struct Call {
    introspector: Arc<Introspector>,
    token: TokenHash,
    question: Question,
    is_known: bool,
    flight: Flight,
}

impl Introspector {
    /// Joins the running call about a token, or starts one, unless the cache has the answer.
    pub(super) fn join(self: &Arc<Self>, token: TokenHash, question: &Question) -> Joined {
        let Ok(runtime) = Handle::try_current() else { return Joined::NotAdmitted(OVERLOAD_RETRY_AFTER) };
        let mut flights = self.flights();
        // A call records its answer before it ends, so that no request misses both.
        if let Some(waiter) = flights.get(&token).and_then(|flight| flight.running()) {
            return Joined::Running(waiter);
        }
        if let Some(outcome) = self.settled(&token, nanos(question.max_age)) {
            return Joined::Settled(outcome);
        }
        let now = self.clock.unix_nanos();
        if let Some(retry_after) = self.answers.unanswered_for(&token, now) {
            return Joined::NotAdmitted(retry_after);
        }
        let is_known = question.is_known || matches!(self.answers.get(&token, now), Cached::Active(_));
        let lane = self.lane(is_known);
        let slot = match lane.admit(self.clock.monotonic()) {
            Ok(slot) => slot,
            Err((retry_after, is_circuit_open)) => {
                events::not_called(&self.name, is_circuit_open);
                return Joined::NotAdmitted(retry_after);
            }
        };
        let flight = Flight::default();
        let limits = TaskLimits { deadline: lane.longest(), grace: GRACE };
        let (attempt, waiter) = flight.begin(limits);
        flights.insert(token, Arc::clone(&flight));
        // A runtime that is shutting down drops the call immediately, which locks the flights.
        drop(flights);
        let introspector = Arc::clone(self);
        let call = Arc::new(Call { introspector, token, question: question.clone(), is_known, flight });
        let work = Arc::clone(&call).run();
        let work = async move {
            let _slot = slot;
            work.await
        };
        drop(runtime.spawn(attempt.run(work, move |result| call.complete(result))));
        Joined::Running(waiter)
    }

    fn lane(&self, is_known: bool) -> &Lane {
        if is_known { &self.known } else { &self.unknown }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<TokenHash, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Waits for its turn, and calls the issuer.
    async fn run(self: Arc<Self>) -> Result<Response, CallError> {
        let introspector = &self.introspector;
        let _turn = introspector.lane(self.is_known).turn().await?;
        let (checked_at, started) = (introspector.clock.unix_nanos(), Instant::now());
        let asked = introspector.order.call(checked_at);
        let body = introspector.client.call(&self.question.token).await;
        events::call_duration(&introspector.name, started.elapsed());
        self.verified(Response { asked, checked_at, body: body? }).await
    }

    /// Verifies the signature of a response if it must have one, and returns the answer in it. A
    /// signed answer can be replayed, so its age counts from its `iat` if that is earlier than the
    /// call.
    async fn verified(&self, response: Response) -> Result<Response, CallError> {
        let Introspector { client, name, signatures, .. } = &*self.introspector;
        if !client.requires_signed {
            return Ok(response);
        }
        let verified = match signatures.get() {
            Some(signatures) => signatures.verify(&response.body, name, client.client_id.as_str()).await,
            None => None,
        };
        let (body, issued_at) = verified.ok_or(InvalidAnswer::Signature)?;
        let checked_at = response.checked_at.min(unix_nanos(issued_at));
        Ok(Response { checked_at, body, ..response })
    }

    /// Records the result of the call, and ends the flight. Returns `None` if the call has no
    /// result.
    fn complete(&self, result: Result<Result<Response, CallError>, TaskError>) -> Option<Outcome> {
        let introspector = &self.introspector;
        let lane = introspector.lane(self.is_known);
        let outcome = match result {
            Ok(result) => Some(result.and_then(|response| self.judge(response))),
            Err(TaskError::DeadlineExceeded) => Some(Err(CallError::Timeout)),
            Err(TaskError::Panicked | TaskError::Dropped) => None,
        };
        let outcome = outcome.map(|outcome| self.record(lane, outcome));
        if outcome.is_none() {
            lane.dropped();
        }
        let mut flights = introspector.flights();
        if flights.get(&self.token).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.token);
        }
        outcome
    }

    /// Returns the answer about the token, `None` if the token is not active.
    fn judge(&self, response: Response) -> Result<Option<Active>, CallError> {
        let Response { asked, checked_at, body } = response;
        let (answer, question) = (Answer::parse(&body)?, &self.question);
        if !answer.is_active {
            return Ok(None);
        }
        answer.check(&question.facts)?;
        // The claims of an opaque token are unknown until the issuer answers.
        if self.introspector.client.requires_signed && !question.is_opaque {
            answer.check_identifies(&question.facts)?;
        }
        let expiry = answer.facts.exp.or(question.facts.exp).map(|date| unix_nanos(date.0));
        let expires_at = expiry.unwrap_or(checked_at.saturating_add(WITHOUT_EXPIRY));
        let body = if question.is_opaque { body } else { Bytes::new() };
        Ok(Some(Active { asked, checked_at, expires_at, body }))
    }

    /// Records the answer in the cache, and the result in the lane. A failure that concerns only
    /// the token is not recorded in the lane: one caller must not open the circuit for all.
    fn record(&self, lane: &Lane, result: Result<Option<Active>, CallError>) -> Outcome {
        let introspector = &self.introspector;
        let (name, now) = (&introspector.name, introspector.clock.unix_nanos());
        let error = result.as_ref().err();
        let transition = if error.is_some_and(|error| error.concerns_only_the_token(self.is_known)) {
            introspector.answers.insert_unanswered(self.token, now);
            lane.dropped();
            None
        } else {
            lane.record(error, introspector.clock.monotonic())
        };
        let outcome = match result {
            Ok(Some(active)) => {
                events::answered(name, true);
                introspector.answers.insert_active(self.token, active.clone());
                Ok(active)
            }
            Ok(None) => {
                events::answered(name, false);
                introspector.answers.insert_inactive(self.token, now);
                Err(IntrospectionError::Inactive)
            }
            Err(error) => {
                events::call_failed(name, &error, introspector.client.remedy());
                Err(IntrospectionError::Unavailable { retry_after: OVERLOAD_RETRY_AFTER })
            }
        };
        transition.into_iter().for_each(|transition| events::circuit(name, transition));
        outcome
    }
}
