//! The cooldown after a refresh, in which tokens with unknown keys are rejected without another
//! refresh. Pure. Used by [`refresh_policy`](super::refresh_policy).

use std::time::{Duration, SystemTime};

use super::clock_set_back::TimeWindow;

/// A negative cache for keys: during the cooldown after a refresh, a token with an unknown key
/// or an invalid signature is rejected without a request to the issuer. Without the negative
/// cache, anyone could cause such requests with forged tokens.
#[derive(Debug, Default)]
pub(super) struct NegativeCache(Option<TimeWindow>);

impl NegativeCache {
    /// Starts the cooldown after a refresh that began at `began`.
    pub(super) fn start(&mut self, began: SystemTime, cooldown: Duration) {
        self.0 = TimeWindow::new(began, cooldown);
    }

    /// Returns the rest of the cooldown. Returns zero if a token with an unknown key is allowed to
    /// cause a refresh.
    pub(super) fn remaining(&self, now: SystemTime) -> Duration {
        self.0.map_or(Duration::ZERO, |window| window.remaining(now))
    }
}
