//! Settings of the JWKS cache, and the limits that follow from them.

use std::time::Duration;

use super::clock_set_back::CLOCK_TOLERANCE;

/// The maximum time to read the cache file, with a reserve.
const LONGEST_LOAD: Duration = Duration::from_secs(2);

/// The fraction by which times vary at random, so that the instances of a fleet do not refresh
/// simultaneously.
pub(super) const JITTER: f64 = 0.1;

#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySettings {
    /// How long keys are fresh, unless the issuer states a shorter time.
    pub(crate) refresh_interval: Duration,
    /// The minimum time between a refresh and the next one that an unknown key or an invalid
    /// signature causes, and between refreshes after a failure.
    pub(crate) cooldown: Duration,
    /// The age at which keys stop being trusted.
    pub(crate) max_stale: Duration,
    /// The maximum time that a request waits for refreshes.
    pub(crate) max_wait: Duration,
    /// The timeout of each HTTP request of a refresh.
    pub(crate) fetch_timeout: Duration,
    /// The accepted difference between the local clock and the issuer's.
    pub(crate) clock_skew: Duration,
    /// Returns a random number in 0..1, for jitter.
    pub(crate) random: fn() -> f64,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            refresh_interval: Duration::from_secs(10 * 60),
            cooldown: Duration::from_secs(30),
            max_stale: Duration::from_secs(24 * 60 * 60),
            max_wait: Duration::from_secs(2),
            fetch_timeout: Duration::from_secs(5),
            clock_skew: Duration::from_secs(60),
            random: fastrand::f64,
        }
    }
}

impl KeySettings {
    /// Returns the maximum pause between two refreshes, with a tolerance for a caller that has read
    /// the clock a little earlier.
    pub(super) fn longest_pause(&self) -> Duration {
        self.cooldown.max(self.longest_attempt()).mul_f64(1.0 + JITTER) + CLOCK_TOLERANCE
    }

    /// Returns the maximum duration of a refresh: the cache file, then two locations of the
    /// discovery document and two of the key set, one after another.
    pub(super) fn longest_attempt(&self) -> Duration {
        LONGEST_LOAD + self.fetch_timeout * 4
    }
}
