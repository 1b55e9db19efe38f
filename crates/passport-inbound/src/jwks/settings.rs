//! Settings of the JWKS cache, and the limits that follow from them.

use std::time::Duration;

use super::clock_set_back::CLOCK_TOLERANCE;

/// The maximum time that a refresh spends on the cache file: 1 s to read the file, and a
/// reserve.
const LONGEST_LOAD: Duration = Duration::from_secs(2);

/// The fraction by which refresh times and backoffs vary at random, so that the instances of a
/// fleet do not refresh simultaneously.
pub(super) const JITTER: f64 = 0.1;

/// The settings of a JWKS cache. [`TokenVerifierBuilder`](crate::TokenVerifierBuilder) describes
/// most of these settings as options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySettings {
    /// How long keys are fresh after a fetch, unless the issuer states a shorter time.
    pub(crate) refresh_interval: Duration,
    /// The minimum time after a refresh before a token with an unknown key or an invalid signature
    /// can cause another refresh. This time is also the maximum backoff after failed refreshes,
    /// plus jitter.
    pub(crate) cooldown: Duration,
    /// The age at which keys expire. Expired keys verify no token until a refresh succeeds.
    pub(crate) max_stale: Duration,
    /// How long a request waits for refreshes or for a permit before it is rejected with 503.
    pub(crate) max_wait: Duration,
    /// The timeout of each HTTP request of a refresh.
    pub(crate) fetch_timeout: Duration,
    /// The accepted difference between the local clock and the issuer's. A larger difference is
    /// logged.
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
    /// Returns whether all settings but the source of random numbers are equal.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let durations = |settings: &Self| {
            let Self { refresh_interval, cooldown, max_stale, max_wait, fetch_timeout, clock_skew, .. } =
                *settings;
            [refresh_interval, cooldown, max_stale, max_wait, fetch_timeout, clock_skew]
        };
        durations(self) == durations(other)
    }

    /// Returns the maximum pause between two refreshes, plus a tolerance: a request can have read
    /// the clock a little before the pause started.
    pub(super) fn longest_pause(&self) -> Duration {
        self.cooldown.max(self.longest_attempt()).mul_f64(1.0 + JITTER) + CLOCK_TOLERANCE
    }

    /// Returns the maximum duration of a refresh: the time for the cache file, and the timeouts of
    /// four successive requests. Two requests are for the two locations of the discovery document,
    /// and two are for the two locations of the key set.
    pub(super) fn longest_attempt(&self) -> Duration {
        LONGEST_LOAD + self.fetch_timeout * 4
    }
}
