use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use passport_core::Clock;

/// Clocks are nudged; only what is more than this was set back.
const NUDGE: Duration = Duration::from_secs(5);

/// Whoever was interrupted for longer between the two clocks has not read them together.
const TOGETHER: Duration = Duration::from_millis(100);

/// Wall-clock time that does not go back: the time by which the tokens of a slot age. All who use the slot use this.
///
/// It goes on while the machine sleeps, which a monotonic clock does not on most systems; and when the wall clock is set
/// back it goes on as if it had not been, so that no token lives longer for it. A look costs two loads more than one at the
/// wall clock; once a second, the wall clock is held against the monotonic clock.
///
/// Its time must not leave the slot: for others, it is as far ahead as the wall clock was set back.
#[derive(Debug, Default)]
pub(crate) struct MonotonicClock {
    /// By how many milliseconds the wall clock was set back in all.
    lost: AtomicU64,
    /// The wall clock at the last comparison, in whole seconds since the Unix epoch.
    compared_at: AtomicU64,
    /// Both clocks at the last comparison. Never waited for: one comparison at a time is enough.
    compared: Mutex<Option<(SystemTime, Duration)>>,
}

impl MonotonicClock {
    pub(crate) fn now(&self, clock: &dyn Clock) -> SystemTime {
        let wall = clock.now();
        if self.compared_at.load(Ordering::Relaxed) != seconds(wall) {
            self.compare(clock);
        }
        self.of(wall)
    }

    /// The steady time at which the wall clock shows this, if it is not set back any more.
    pub(crate) fn of(&self, wall: SystemTime) -> SystemTime {
        match self.lost() {
            Duration::ZERO => wall,
            lost => wall.checked_add(lost).unwrap_or(wall),
        }
    }

    /// What the wall clock shows at this steady time, if it is not set back any more.
    pub(crate) fn wall(&self, monotonic: SystemTime) -> SystemTime {
        monotonic.checked_sub(self.lost()).unwrap_or(monotonic)
    }

    fn lost(&self) -> Duration {
        Duration::from_millis(self.lost.load(Ordering::Relaxed))
    }

    fn compare(&self, clock: &dyn Clock) {
        let Ok(mut compared) = self.compared.try_lock() else { return };
        let (uptime, wall) = (clock.uptime(), clock.now());
        if clock.uptime().saturating_sub(uptime) > TOGETHER {
            return;
        }
        if let Some((wall_before, uptime_before)) = *compared {
            let expected = wall_before + uptime.saturating_sub(uptime_before);
            let lost = expected.duration_since(wall).unwrap_or_default();
            if lost > NUDGE {
                self.lost.fetch_add(u64::try_from(lost.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        }
        *compared = Some((wall, uptime));
        self.compared_at.store(seconds(wall), Ordering::Relaxed);
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
#[path = "monotonic_clock/tests.rs"]
mod tests;
