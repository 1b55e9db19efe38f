//! Rejects tokens with unknown keys without a refresh, for a while after a refresh. Pure. It is
//! started and asked by [`refresh_policy`](super::refresh_policy); it holds for
//! `KeySettings::cooldown`.

use std::time::{Duration, SystemTime};

use super::clock_set_back::TimeWindow;

/// For the cooldown after a refresh, tokens with an unknown key or an invalid signature are
/// rejected without another request to the issuer: such tokens cost anyone nothing to make.
#[derive(Debug, Default)]
pub(super) struct NegativeCache(Option<TimeWindow>);

impl NegativeCache {
    /// Starts the cooldown of a refresh that began at `began`.
    pub(super) fn start(&mut self, began: SystemTime, cooldown: Duration) {
        self.0 = TimeWindow::new(began, cooldown);
    }

    /// Returns how long it holds; zero if an unknown key may cause a refresh.
    pub(super) fn left(&self, now: SystemTime) -> Duration {
        self.0.map_or(Duration::ZERO, |span| span.left(now))
    }
}
