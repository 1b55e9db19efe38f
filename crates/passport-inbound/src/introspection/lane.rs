//! Limits the calls about one kind of tokens: their number, their rate, and their failures.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{
    breaker::{Breaker, Transition},
    error::CallError,
    rate::RateLimit,
};

/// The maximum number of calls that wait for their turn.
const MAX_WAITING: usize = 1024;

/// How long a client should wait if too many calls are waiting.
pub(super) const OVERLOAD_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The limits of the calls about one kind of tokens. There are two kinds, so that invalid tokens,
/// which cost nothing to make, take nothing from valid ones:
///
/// - tokens that are verified locally, or that the issuer has confirmed before;
/// - opaque tokens that the issuer has never confirmed.
#[derive(Debug)]
pub(super) struct Lane {
    /// One for each concurrent call.
    permits: Semaphore,
    /// One for each concurrent or waiting call.
    slots: Arc<Semaphore>,
    state: Mutex<LaneState>,
    /// The longest time that a call waits for its turn, and the longest time of a call.
    timeout: Duration,
}

#[derive(Debug)]
struct LaneState {
    breaker: Breaker,
    rate: Option<RateLimit>,
}

impl Lane {
    /// Creates a lane. `per_second` is the maximum number of calls per second, if there is one.
    pub(super) fn new(max_concurrent: usize, per_second: Option<u32>, timeout: Duration) -> Self {
        let max_concurrent = max_concurrent.clamp(1, Semaphore::MAX_PERMITS - MAX_WAITING);
        Self {
            permits: Semaphore::new(max_concurrent),
            slots: Arc::new(Semaphore::new(max_concurrent + MAX_WAITING)),
            state: Mutex::new(LaneState {
                breaker: Breaker::default(),
                rate: per_second.map(RateLimit::new),
            }),
            timeout,
        }
    }

    /// Admits a call at the time `now` of a monotonic clock. The returned slot is held until the
    /// call has ended.
    ///
    /// # Errors
    /// The time after which a retry can succeed, and whether the circuit is open.
    pub(super) fn admit(&self, now: Duration) -> Result<OwnedSemaphorePermit, (Duration, bool)> {
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        let slot = slot.map_err(|_| (OVERLOAD_RETRY_AFTER, false))?;
        let mut state = self.state();
        if let Some(rate) = &mut state.rate {
            rate.take(now).map_err(|wait| (wait, false))?;
        }
        state.breaker.admit(now, self.longest()).map_err(|wait| (wait, true))?;
        Ok(slot)
    }

    /// Waits until the call may begin.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, CallError> {
        // The semaphore is never closed.
        timeout(self.timeout, self.permits.acquire())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(CallError::Overloaded)
    }

    /// Returns the longest time from the admission of a call to its end.
    pub(super) fn longest(&self) -> Duration {
        self.timeout * 2
    }

    /// Records the result of a call. Returns whether the circuit has opened or closed.
    pub(super) fn record(&self, error: Option<&CallError>, now: Duration) -> Option<Transition> {
        let breaker = &mut self.state().breaker;
        match error {
            None => breaker.succeeded(),
            Some(CallError::Overloaded) => {
                breaker.dropped();
                None
            }
            Some(error) => breaker.failed(error.is_permanent(), now, fastrand::f64()),
        }
    }

    /// Records that a call ended without a result, or with one that concerns only its token.
    pub(super) fn dropped(&self) {
        self.state().breaker.dropped();
    }

    fn state(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
