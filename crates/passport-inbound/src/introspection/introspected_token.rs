//! The part of a caller that knows when the issuer has last confirmed the token.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use passport_core::unix_nanos;
use tokio::time::sleep;

use super::{
    Active, IntrospectionError, Introspector, NeededAnswer, Question, TokenFacts, cache::is_fresh, nanos,
};
use crate::issuers::IntrospectionMode;

/// The time between two questions about a caller with an open stream if there is no answer, or if
/// the requirement is met only by a new answer.
const RETRY: Duration = Duration::from_secs(1);

/// How long after its longest possible call a request can still use the answer for its other
/// requirements. A message of a stream that was opened earlier needs another answer.
const REQUEST_GRACE: Duration = Duration::from_secs(1);

/// A token that an issuer can be asked about, with the time of the issuer's last answer. All
/// clones of a caller share it. `Debug` does not show the token.
pub(crate) struct IntrospectedToken {
    introspector: Arc<Introspector>,
    token: Arc<[u8]>,
    is_opaque: bool,
    /// When the issuer was asked for its last answer that the token is active, in nanoseconds since
    /// the Unix epoch. 0 if it was not asked.
    checked_at: AtomicU64,
    /// The position of that call in the order of the requests and calls. 0 if there was none.
    asked: AtomicU64,
    /// When the token expires, in nanoseconds since the Unix epoch.
    expires_at: u64,
    /// The maximum age of an answer by the mode of the issuer, in nanoseconds. `None` if the issuer
    /// is asked only for single routes.
    own_max_age: Option<u64>,
    /// The smallest [period](stream_period) that the requirements of the caller's requests give an
    /// open stream, in nanoseconds. `u64::MAX` if there was no such requirement.
    required_period: AtomicU64,
}

impl IntrospectedToken {
    /// Creates the state of a verified token. The issuer was not asked yet.
    pub(crate) fn new(introspector: &Arc<Introspector>, token: Arc<[u8]>, expires_at: SystemTime) -> Self {
        Self {
            introspector: Arc::clone(introspector),
            token,
            is_opaque: false,
            checked_at: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            expires_at: unix_nanos(expires_at),
            own_max_age: introspector.mode.max_age().map(nanos),
            required_period: AtomicU64::new(u64::MAX),
        }
    }

    /// Creates the state of an opaque token that the issuer has just confirmed.
    pub(crate) fn opaque(introspector: &Arc<Introspector>, token: Arc<[u8]>, active: &Active) -> Self {
        Self {
            is_opaque: true,
            checked_at: AtomicU64::new(active.checked_at),
            asked: AtomicU64::new(active.asked),
            expires_at: active.expires_at,
            ..Self::new(introspector, token, SystemTime::UNIX_EPOCH)
        }
    }

    /// Returns the token.
    pub(crate) fn token(&self) -> &Arc<[u8]> {
        &self.token
    }

    /// Returns the position of a request that arrives at the time `now`, in nanoseconds since the
    /// Unix epoch. Allocates nothing.
    #[inline]
    pub(crate) fn arrival(&self, now: u64) -> u64 {
        self.introspector.arrival(now)
    }

    /// Returns whether the issuer must be asked before the token is accepted at the time `now`, by
    /// the mode of the issuer. `now` is in nanoseconds since the Unix epoch. Allocates nothing.
    #[inline]
    pub(crate) fn is_due(&self, now: u64) -> bool {
        let Some(max_age) = self.own_max_age else { return false };
        let is_due = !self.is_fresh(max_age, now);
        if !is_due {
            self.introspector.hits.increment(&self.introspector.name);
        }
        is_due
    }

    /// Returns whether the issuer has confirmed the token within the last `max_age`. If `max_age`
    /// is zero, the issuer must have been asked after the request with the position `arrival`. From
    /// now on, open streams of the caller are checked as often.
    pub(crate) fn is_confirmed(&self, max_age: Duration, arrival: u64) -> bool {
        let max_age = nanos(max_age);
        let period = stream_period(max_age);
        if period < self.required_period.load(Ordering::Relaxed) {
            self.required_period.fetch_min(period, Ordering::Relaxed);
        }
        let now = self.introspector.clock.unix_nanos();
        if max_age == 0 { self.is_confirmed_for(arrival, now) } else { self.is_fresh(max_age, now) }
    }

    /// Returns whether the issuer was asked for its last answer after the request with the position
    /// `arrival`, and the request has arrived recently.
    fn is_confirmed_for(&self, arrival: u64, now: u64) -> bool {
        let longest = nanos(self.introspector.known.longest() + REQUEST_GRACE);
        // The position is later than the time if the clock was set back.
        let is_recent = now.abs_diff(arrival) < longest;
        is_recent && self.asked.load(Ordering::Relaxed) > arrival && now < self.expires_at
    }

    /// Asks the issuer whether the token is active. `payload` are the claims of the caller, and
    /// `needed` is the answer that a requirement needs; `None` for the settings of the issuer.
    ///
    /// # Errors
    /// Those of [`Introspector::ask`].
    pub(crate) async fn confirm(
        &self,
        payload: &[u8],
        needed: Option<NeededAnswer>,
    ) -> Result<(), IntrospectionError> {
        let Introspector { mode, continue_for, .. } = &*self.introspector;
        let needed = needed.unwrap_or_else(|| NeededAnswer::within(mode.max_age().unwrap_or_default()));
        let mut facts = TokenFacts::of_token(payload, &self.introspector.audiences);
        if self.is_opaque {
            // The claims are those of the last answer. The issuer can prolong an opaque token.
            facts.exp = None;
        }
        let question = Question {
            token: Arc::clone(&self.token),
            facts,
            is_opaque: self.is_opaque,
            is_known: true,
            max_age: needed.max_age,
            continue_for: needed.continue_for(*continue_for),
        };
        match self.introspector.ask(question).await {
            Ok(active) => {
                self.checked_at.store(active.checked_at, Ordering::Relaxed);
                self.asked.store(active.asked, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                if !matches!(error, IntrospectionError::Unavailable { .. }) {
                    self.checked_at.store(0, Ordering::Relaxed);
                    self.asked.store(0, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }

    /// Waits until the issuer says that the token is not active, or gives no answer for twice the
    /// maximum age. Never completes if neither the mode of the issuer nor a requirement needs the
    /// issuer's answer. The issuer's settings decide whether a stream continues without an answer,
    /// and no requirement does.
    ///
    /// # Cancel safety
    /// Cancel safe: the next call asks again.
    pub(crate) async fn revoked(&self, payload: &[u8]) {
        let Some(max_age) = self.stream_age() else { return std::future::pending().await };
        // Asks early, so that a revocation is seen within the maximum age.
        let period = max_age * 4 / 5;
        loop {
            let age = self.age();
            if age < period {
                sleep(period.saturating_sub(age)).await;
            }
            match self.confirm(payload, Some(NeededAnswer::within(period))).await {
                Ok(()) if self.age() < period => {}
                // The answer is older than the period, because the issuer is unreachable and
                // `danger_continue_when_unreachable` is set.
                Ok(()) => sleep(RETRY).await,
                Err(IntrospectionError::Inactive | IntrospectionError::Expired) => return,
                Err(IntrospectionError::Unavailable { .. }) if self.age() > max_age * 2 => return,
                Err(IntrospectionError::Unavailable { .. }) => sleep(RETRY.min(period)).await,
            }
        }
    }

    /// Returns the maximum age of an answer about a caller with an open stream: the smallest of the
    /// issuer's mode and of all requirements.
    fn stream_age(&self) -> Option<Duration> {
        let required = self.required_period.load(Ordering::Relaxed);
        let smallest = self.own_max_age.map_or(u64::MAX, stream_period).min(required);
        (smallest < u64::MAX).then(|| Duration::from_nanos(smallest))
    }

    /// Returns the time since the last answer. The longest time if the answer is in the future,
    /// because the clock was set back: its age is unknown.
    fn age(&self) -> Duration {
        let now = self.introspector.clock.unix_nanos();
        let age = now.checked_sub(self.checked_at.load(Ordering::Relaxed));
        age.map_or(Duration::MAX, Duration::from_nanos)
    }

    #[inline]
    fn is_fresh(&self, max_age: u64, now: u64) -> bool {
        is_fresh(self.checked_at.load(Ordering::Relaxed), self.expires_at, max_age, now)
    }
}

/// Returns the maximum age of an answer about an open stream if requests have the maximum age
/// `max_age`. If each request is asked about, the default: a stream has no further requests. Both
/// are in nanoseconds.
fn stream_period(max_age: u64) -> u64 {
    if max_age == 0 { nanos(IntrospectionMode::DEFAULT_MAX_AGE) } else { max_age }
}

impl fmt::Debug for IntrospectedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectedToken").field("issuer", &self.introspector.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
