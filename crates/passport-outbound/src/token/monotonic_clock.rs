//! A wall clock that does not go back.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use passport_core::Clock;

/// A smaller step back is an adjustment of the clock, and ignored.
const IGNORED_STEP: Duration = Duration::from_secs(5);

/// A task that was interrupted for longer between reading the two clocks has not read them at one
/// time.
const MAX_INTERRUPTION: Duration = Duration::from_millis(100);

/// The clock of a token entry: a wall clock that does not go back. All identities that share the
/// entry use it.
///
/// It advances while the machine sleeps, unlike the system's monotonic clock on most systems. When
/// the wall clock is set back, it continues as if that had not happened, so that no token is used
/// for longer. Reading it costs two loads more than reading the wall clock; once a second, the wall
/// clock is compared with the system's monotonic clock.
///
/// Its times are valid in its entry only: elsewhere they are ahead by as much as the wall clock was
/// set back.
#[derive(Debug, Default)]
pub(crate) struct MonotonicClock {
    /// The milliseconds in all by which the wall clock was set back.
    offset_ms: AtomicU64,
    /// The wall clock at the last comparison, in whole seconds since the Unix epoch.
    compared_at: AtomicU64,
    /// Both clocks at the last comparison. The lock is not waited for: one comparison at a time is
    /// enough.
    compared: Mutex<Option<(SystemTime, Duration)>>,
}

impl MonotonicClock {
    /// Returns the time.
    pub(crate) fn now(&self, clock: &dyn Clock) -> SystemTime {
        let wall = clock.now();
        if self.compared_at.load(Ordering::Relaxed) != seconds(wall) {
            self.compare(clock);
        }
        self.at_wall(wall)
    }

    /// Converts a time of the wall clock.
    pub(crate) fn at_wall(&self, wall: SystemTime) -> SystemTime {
        match self.offset() {
            Duration::ZERO => wall,
            offset => wall.checked_add(offset).unwrap_or(wall),
        }
    }

    /// Converts a time of this clock to the wall clock's.
    pub(crate) fn to_wall(&self, monotonic: SystemTime) -> SystemTime {
        monotonic.checked_sub(self.offset()).unwrap_or(monotonic)
    }

    fn offset(&self) -> Duration {
        Duration::from_millis(self.offset_ms.load(Ordering::Relaxed))
    }

    fn compare(&self, clock: &dyn Clock) {
        let Ok(mut compared) = self.compared.try_lock() else { return };
        let (monotonic, wall) = (clock.monotonic(), clock.now());
        if clock.monotonic().saturating_sub(monotonic) > MAX_INTERRUPTION {
            return;
        }
        if let Some((wall_before, uptime_before)) = *compared {
            let expected = wall_before + monotonic.saturating_sub(uptime_before);
            let step_back = expected.duration_since(wall).unwrap_or_default();
            if step_back > IGNORED_STEP {
                self.offset_ms
                    .fetch_add(u64::try_from(step_back.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        }
        *compared = Some((wall, monotonic));
        self.compared_at.store(seconds(wall), Ordering::Relaxed);
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
#[path = "monotonic_clock/tests.rs"]
mod tests;
