//! Settings of the JWKS cache, and the longest times that follow from them.

use std::time::Duration;

use super::clock_set_back::CLOCK_TOLERANCE;

/// The longest that reading the key file takes, with a reserve.
const LONGEST_LOAD: Duration = Duration::from_secs(2);

/// The part of a time by which it varies, so that the instances of a fleet do not refresh in step.
pub(super) const JITTER: f64 = 0.1;

#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySettings {
    /// How long keys are fresh, unless the issuer says that it is less.
    pub(crate) lifetime: Duration,
    /// The least time between the last refresh and an attempt that an unknown key or an invalid
    /// signature causes, and between attempts after a failure.
    pub(crate) cooldown: Duration,
    /// Keys of this age are not trusted any more.
    pub(crate) max_age: Duration,
    /// The longest that a request waits for an attempt.
    pub(crate) max_wait: Duration,
    /// The timeout of each HTTP request of an attempt.
    pub(crate) fetch_timeout: Duration,
    /// How far our clock and the issuer's may differ.
    pub(crate) clock_skew: Duration,
    /// Returns a number in 0..1, for jitter.
    pub(crate) chance: fn() -> f64,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(10 * 60),
            cooldown: Duration::from_secs(30),
            max_age: Duration::from_secs(24 * 60 * 60),
            max_wait: Duration::from_secs(2),
            fetch_timeout: Duration::from_secs(5),
            clock_skew: Duration::from_secs(60),
            chance: fastrand::f64,
        }
    }
}

impl KeySettings {
    /// Returns the longest pause between two attempts, for a caller that has read the clock a
    /// little earlier.
    pub(super) fn longest_pause(&self) -> Duration {
        self.cooldown.max(self.longest_attempt()).mul_f64(1.0 + JITTER) + CLOCK_TOLERANCE
    }

    /// Returns how long an attempt takes at most: the key file, two locations of the discovery
    /// document and two of the key set, one after another.
    pub(super) fn longest_attempt(&self) -> Duration {
        LONGEST_LOAD + self.fetch_timeout * 4
    }
}
