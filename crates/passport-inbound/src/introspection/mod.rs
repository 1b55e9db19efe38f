//! Asks issuers whether tokens are still active (token introspection, [RFC
//! 7662](https://www.rfc-editor.org/rfc/rfc7662)).
//!
//! 1. [`IntrospectedToken`] is the part of a caller that knows when the issuer has last confirmed
//!    the token. If that is recent enough, nothing else happens.
//! 2. `cache` has the answers by the hash of the token. It is shared by all callers.
//! 3. Otherwise the issuer is asked. Concurrent requests with one token share a call (`flight`).
//!    `lane` limits the calls, and `breaker` makes them fail immediately during an outage.
//! 4. `call_order` decides whether an answer was asked for after the arrival of a request: such an
//!    answer is enough for all requirements of the request (`needed_answer`).
//! 5. `answer` parses the answer, and compares it with the token.

mod answer;
mod breaker;
mod cache;
mod call_order;
mod client;
mod error;
mod events;
mod flight;
mod introspected_token;
mod lane;
mod needed_answer;
mod rate;
mod signed;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use passport_core::{ClientId, Clock, SharedClock, Transport};
use url::Url;

use self::{
    answer::Answer,
    cache::{AnswerCache, Cached, TokenHash},
    call_order::CallOrder,
    client::IntrospectionClient,
    events::HitCounter,
    flight::{Flight, Joined},
    lane::{Lane, OVERLOAD_RETRY_AFTER},
};
pub(crate) use self::{
    answer::TokenFacts,
    cache::Active,
    error::IntrospectionError,
    introspected_token::IntrospectedToken,
    needed_answer::NeededAnswer,
    signed::{VerifiedAnswer, VerifyAnswer},
};
use crate::{
    issuers::{Introspection, IntrospectionMode, IssuerName},
    jwt::json::NumericDate,
};

/// Asks one issuer about its tokens.
#[derive(Debug)]
pub(crate) struct Introspector {
    name: IssuerName,
    mode: IntrospectionMode,
    continue_for: Option<Duration>,
    /// The audiences that the service accepts.
    audiences: Vec<String>,
    client: IntrospectionClient,
    clock: SharedClock,
    answers: AnswerCache,
    /// The order of the calls and of the requests that need them.
    order: CallOrder,
    /// The running calls, by the hash of the token.
    flights: Mutex<HashMap<TokenHash, Flight>>,
    /// The calls about tokens that are verified, or that the issuer has confirmed before.
    known: Lane,
    /// The calls about all other tokens.
    unknown: Lane,
    hits: HitCounter,
    /// Verifies signed answers. Set when the verifier is built.
    signatures: OnceLock<Box<dyn VerifyAnswer>>,
}

/// What an [`Introspector`] needs besides its settings.
pub(crate) struct IntrospectorParts {
    /// The name of the issuer, for logs and metrics.
    pub(crate) name: IssuerName,
    pub(crate) client_id: ClientId,
    pub(crate) url: Url,
    pub(crate) audiences: Vec<String>,
    pub(crate) transport: Transport,
    pub(crate) clock: SharedClock,
}

/// A question about a token.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) token: Arc<[u8]>,
    /// The members that the answer must have in common with the token.
    pub(crate) facts: TokenFacts,
    /// Whether the token is not verified locally, so that the body of the answer is needed.
    pub(crate) is_opaque: bool,
    /// Whether the token is verified, or the issuer has confirmed it before.
    pub(crate) is_known: bool,
    /// The maximum age of a cached answer.
    pub(crate) max_age: Duration,
    /// How long after the last answer the token is accepted if there is no answer now.
    pub(crate) continue_for: Duration,
}

impl Introspector {
    /// Creates an introspector. Sends no request.
    pub(crate) fn new(settings: &Introspection, parts: IntrospectorParts) -> Self {
        let IntrospectorParts { name, client_id, url, audiences, transport, clock } = parts;
        let (max_concurrent, timeout) = (settings.max_concurrent.get(), settings.timeout);
        let client = IntrospectionClient {
            client_id,
            secret: settings.secret.clone(),
            authentication: settings.authentication.clone(),
            url,
            transport,
            timeout,
            clock: clock.clone(),
            requires_signed: settings.requires_signed,
        };
        Self {
            name,
            mode: settings.mode,
            continue_for: settings.continue_for,
            audiences,
            client,
            clock,
            answers: AnswerCache::new(settings.max_cached),
            order: CallOrder::default(),
            flights: Mutex::default(),
            known: Lane::new(max_concurrent, None, timeout),
            unknown: Lane::new(max_concurrent / 4, Some(settings.max_unknown_per_second), timeout),
            hits: HitCounter::default(),
            signatures: OnceLock::new(),
        }
    }

    /// Sets what verifies signed answers. Only the first call has an effect.
    pub(crate) fn verify_answers_with(&self, signatures: impl VerifyAnswer + 'static) {
        // A later verifier would be equal.
        let _ = self.signatures.set(Box::new(signatures));
    }

    /// Returns the position of a request that arrives at the time `now`, in nanoseconds since the
    /// Unix epoch.
    #[inline]
    pub(crate) fn arrival(&self, now: u64) -> u64 {
        self.order.arrival(now)
    }

    /// Returns the cached answer about an opaque token, if it decides about a request.
    pub(crate) fn cached(&self, token: &[u8]) -> Option<Result<Active, IntrospectionError>> {
        let max_age = nanos(self.mode.max_age().unwrap_or_default());
        let outcome = self.settled(&TokenHash::of(token), max_age);
        outcome.map(|outcome| self.counted(outcome).map_err(|_| self.inactive(None)))
    }

    /// Asks the issuer `iss` about an opaque token, as [`ask`](Self::ask) does.
    pub(crate) async fn ask_opaque(
        self: &Arc<Self>,
        token: &[u8],
        iss: String,
    ) -> Result<Active, IntrospectionError> {
        let facts = TokenFacts { iss: Some(iss), ..TokenFacts::default() };
        let question = Question {
            token: token.into(),
            facts,
            is_opaque: true,
            is_known: false,
            max_age: self.mode.max_age().unwrap_or_default(),
            continue_for: self.continue_for.unwrap_or_default(),
        };
        self.ask(question).await
    }

    /// Returns whether a token is active, from the cache or by asking the issuer.
    ///
    /// # Errors
    /// - [`Inactive`](IntrospectionError::Inactive) or [`Expired`](IntrospectionError::Expired) if
    ///   the token is not active.
    /// - [`Unavailable`](IntrospectionError::Unavailable) if there is no valid answer.
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the call, which other requests can share.
    pub(crate) async fn ask(self: &Arc<Self>, question: Question) -> Result<Active, IntrospectionError> {
        let (token, facts) = (TokenHash::of(&question.token), &question.facts);
        let outcome = match self.join(token, &question) {
            Joined::Settled(outcome) => self.counted(outcome),
            Joined::Running(waiter) => {
                events::waits(&self.name);
                let dropped = IntrospectionError::Unavailable { retry_after: OVERLOAD_RETRY_AFTER };
                waiter.outcome().await.unwrap_or(Err(dropped))
            }
            Joined::NotAdmitted(retry_after) => Err(IntrospectionError::Unavailable { retry_after }),
        };
        match outcome {
            // The question behind the answer can have been one without the caller.
            Ok(active) if !active.body.is_empty() && !is_about(&active, facts) => {
                Err(IntrospectionError::Unavailable { retry_after: OVERLOAD_RETRY_AFTER })
            }
            Ok(active) => Ok(active),
            Err(error @ IntrospectionError::Unavailable { .. }) => {
                self.continued(&token, question.continue_for).ok_or(error)
            }
            Err(_) => Err(self.inactive(facts.exp)),
        }
    }

    /// Returns the outcome of a request that the cache decides.
    fn settled(&self, token: &TokenHash, max_age: u64) -> Option<Result<Active, IntrospectionError>> {
        let now = self.clock.unix_nanos();
        match self.answers.get(token, now) {
            Cached::Inactive => Some(Err(IntrospectionError::Inactive)),
            Cached::Active(active) if active.is_fresh(max_age, now) => Some(Ok(active)),
            Cached::Active(_) | Cached::Unknown => None,
        }
    }

    /// Returns the last answer about a token if it is less than `continue_for` old.
    fn continued(&self, token: &TokenHash, continue_for: Duration) -> Option<Active> {
        let now = self.clock.unix_nanos();
        let Cached::Active(active) = self.answers.get(token, now) else { return None };
        if !active.is_fresh(nanos(continue_for), now) {
            return None;
        }
        events::continued(&self.name, Duration::from_nanos(now.saturating_sub(active.checked_at)));
        Some(active)
    }

    /// Counts an answer of the cache.
    fn counted(&self, outcome: Result<Active, IntrospectionError>) -> Result<Active, IntrospectionError> {
        if outcome.is_ok() {
            self.hits.increment(&self.name);
        }
        outcome
    }

    /// Counts and returns the error of a token that is not active. `exp` is the expiry of the
    /// token, if it is known.
    fn inactive(&self, exp: Option<NumericDate>) -> IntrospectionError {
        // For an issuer, an expired token is not active. It was not revoked.
        if exp.is_some_and(|exp| exp.0 <= self.clock.now()) {
            return IntrospectionError::Expired;
        }
        events::revoked(&self.name);
        IntrospectionError::Inactive
    }
}

/// Returns whether the answer about an opaque token names its caller.
fn is_about(active: &Active, facts: &TokenFacts) -> bool {
    Answer::parse(&active.body).is_ok_and(|answer| answer.check(facts).is_ok())
}

/// Returns a duration in nanoseconds.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
