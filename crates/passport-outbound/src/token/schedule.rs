use std::time::{Duration, SystemTime};

/// The default distance from the expiry at which a refresh starts. From Passport's own client.
pub(crate) const DEFAULT_THRESHOLD: Duration = Duration::from_secs(60);

/// At most this long before its expiry a token is no longer sent: the receiver's clock may run ahead of ours.
const HARD_MARGIN: Duration = Duration::from_secs(5);

/// A token with less to live is as good as dead: it would be asked for without end.
pub(crate) const LEAST_LIFE: Duration = Duration::from_secs(1);

const MAX_JITTER: Duration = Duration::from_secs(30);

/// When the refresh of each token starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RefreshPolicy {
    /// How long before the expiry.
    pub(crate) threshold: Duration,
    /// This instance's share of the jitter, in 0..1. It never changes, so that instances stay apart.
    pub(crate) jitter: f64,
}

/// The moments in a token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    issued_at: SystemTime,
    soft_at: SystemTime,
    hard_at: SystemTime,
}

/// Where a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Send it.
    Fresh,
    /// Send it, and see to its successor.
    Soft,
    /// Do not send it.
    Hard,
}

impl RefreshPolicy {
    /// The threshold is at most half of the life, so that a short-lived token is not refreshed without end; the
    /// jitter is at most 10 % of the life and 30 s, so that a fleet does not refresh in step.
    pub(crate) fn schedule(&self, issued_at: SystemTime, lifetime: Duration) -> Schedule {
        let threshold = self.threshold.min(lifetime / 2);
        let jitter = (lifetime / 10).min(MAX_JITTER).mul_f64(self.jitter.clamp(0.0, 1.0));
        let margin = (lifetime / 10).min(HARD_MARGIN);
        let after =
            |part: Duration| issued_at.checked_add(lifetime.saturating_sub(part)).unwrap_or(issued_at);
        let hard_at = after(margin);
        Schedule { issued_at, soft_at: after(threshold + jitter).min(hard_at), hard_at }
    }
}

impl Schedule {
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.issued_at).unwrap_or_default()
    }

    /// How long it may still be sent.
    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        self.hard_at.duration_since(now).unwrap_or_default()
    }

    /// The same, but due for a refresh from `now` on.
    pub(crate) fn due(self, now: SystemTime) -> Self {
        Self { soft_at: self.soft_at.min(now), ..self }
    }

    pub(crate) fn phase(&self, now: SystemTime) -> Phase {
        if now < self.soft_at {
            Phase::Fresh
        } else if now < self.hard_at {
            Phase::Soft
        } else {
            Phase::Hard
        }
    }
}

#[cfg(test)]
#[path = "schedule/tests.rs"]
mod tests;
