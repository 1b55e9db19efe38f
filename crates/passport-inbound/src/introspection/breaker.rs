//! The circuit breaker of the calls to an introspection endpoint. Pure: the time and the chance are
//! arguments.

use std::time::Duration;

use passport_core::Backoff;

/// The number of consecutive failures that open the circuit: the number of Passport's own circuit
/// breakers.
const MAX_FAILURES: u32 = 5;

/// The time from the failure that opened the circuit to the probe, which doubles with each failed
/// probe. The maximum bounds how long a recovered issuer is not noticed.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8));

/// The state of a circuit breaker. Times are those of a monotonic clock.
///
/// | State | Calls | Transition |
/// |---|---|---|
/// | closed | are made | opened by consecutive failures |
/// | open | fail immediately | half open after a backoff |
/// | half open | one call, the probe | closed by a success, opened by a failure |
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// The number of consecutive failures.
    failures: u32,
    /// When a probe can begin. `None` if the circuit is closed.
    probe_at: Option<Duration>,
    /// When the running probe began.
    probing_since: Option<Duration>,
}

/// What a change of the circuit is, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    Opened,
    Closed,
}

impl Breaker {
    /// Returns whether a call can be made at the time `now`. If the circuit is open, the first call
    /// after the backoff is the probe. A probe that has not ended within `longest` counts as lost.
    ///
    /// # Errors
    /// The time until the next probe.
    pub(super) fn admit(&mut self, now: Duration, longest: Duration) -> Result<(), Duration> {
        let Some(probe_at) = self.probe_at else { return Ok(()) };
        if now < probe_at {
            return Err(probe_at.saturating_sub(now));
        }
        if let Some(remaining) = self.probing_since.and_then(|since| (since + longest).checked_sub(now))
            && !remaining.is_zero()
        {
            return Err(remaining);
        }
        self.probing_since = Some(now);
        Ok(())
    }

    /// Records a valid answer.
    pub(super) fn succeeded(&mut self) -> Option<Transition> {
        let was_open = self.probe_at.is_some();
        *self = Self::default();
        was_open.then_some(Transition::Closed)
    }

    /// Records a failed call. `chance` is a random number in 0..1. A failure that a retry cannot
    /// mend opens the circuit immediately.
    pub(super) fn failed(&mut self, is_permanent: bool, now: Duration, chance: f64) -> Option<Transition> {
        let was_open = self.probe_at.is_some();
        self.failures = self.failures.saturating_add(1);
        if is_permanent {
            self.failures = self.failures.max(MAX_FAILURES);
        }
        // A call that began before the circuit opened does not prolong the backoff.
        if was_open && self.probing_since.is_none() {
            return None;
        }
        self.probing_since = None;
        if self.failures < MAX_FAILURES {
            return None;
        }
        self.probe_at = Some(now + BACKOFF.delay(self.failures - MAX_FAILURES, chance));
        (!was_open).then_some(Transition::Opened)
    }

    /// Records that a call ended without a result, for example with its runtime, or with one that
    /// says nothing about other calls.
    pub(super) fn dropped(&mut self) {
        self.probing_since = None;
    }
}

#[cfg(test)]
mod tests;
