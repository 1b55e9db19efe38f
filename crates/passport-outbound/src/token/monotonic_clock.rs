//! A wall clock that ignores large steps back.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use passport_core::Clock;

/// The largest step back of the wall clock that [`MonotonicClock`] follows. Clock
/// synchronization causes such steps. After a larger step, [`MonotonicClock`] continues
/// unchanged.
const MAX_FOLLOWED_STEP: Duration = Duration::from_secs(5);

/// The longest time that one comparison of the wall clock with the system's monotonic clock can
/// take. If the thread was interrupted for longer, the comparison is discarded, because the two
/// clocks were not read at the same time.
const MAX_INTERRUPTION: Duration = Duration::from_millis(100);

/// The clock of a token entry: a wall clock that ignores steps back of more than 5 s. All
/// identities that share the entry use it.
///
/// This clock advances while the machine is suspended, unlike the monotonic clock of most
/// systems. When the wall clock is set back by more than 5 s, this clock continues unchanged, so
/// that no token is used beyond its lifetime. A read of this clock costs two atomic loads more
/// than a read of the wall clock. Once a second, a read also compares the wall clock with the
/// system's monotonic clock.
///
/// The times of this clock are valid only within its entry. They are ahead of the wall clock by
/// the total of all ignored steps back.
#[derive(Debug, Default)]
pub(crate) struct MonotonicClock {
    /// The total of all ignored steps back of the wall clock, in milliseconds.
    offset_ms: AtomicU64,
    /// The wall clock time of the last comparison, in whole seconds since the Unix epoch. The next
    /// comparison follows when the second has changed.
    compared_at: AtomicU64,
    /// The wall clock time and the monotonic time of the last comparison. A thread that finds the
    /// mutex locked does not wait, because another thread is comparing the clocks at that moment.
    compared: Mutex<Option<(SystemTime, Duration)>>,
}

impl MonotonicClock {
    /// Returns the current time of this clock.
    pub(crate) fn now(&self, clock: &dyn Clock) -> SystemTime {
        let wall = clock.now();
        if self.compared_at.load(Ordering::Relaxed) != seconds(wall) {
            self.compare(clock);
        }
        self.at_wall(wall)
    }

    /// Converts a wall clock time to a time of this clock.
    pub(crate) fn at_wall(&self, wall: SystemTime) -> SystemTime {
        match self.offset() {
            Duration::ZERO => wall,
            offset => wall.checked_add(offset).unwrap_or(wall),
        }
    }

    /// Converts a time of this clock to a wall clock time.
    pub(crate) fn to_wall(&self, monotonic: SystemTime) -> SystemTime {
        monotonic.checked_sub(self.offset()).unwrap_or(monotonic)
    }

    fn offset(&self) -> Duration {
        Duration::from_millis(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Compares the wall clock with the system's monotonic clock. If the wall clock was set
    /// back by more than [`MAX_FOLLOWED_STEP`] since the last comparison, adds the step to the
    /// offset.
    fn compare(&self, clock: &dyn Clock) {
        let Ok(mut compared) = self.compared.try_lock() else { return };
        let (monotonic, wall) = (clock.monotonic(), clock.now());
        if clock.monotonic().saturating_sub(monotonic) > MAX_INTERRUPTION {
            return;
        }
        if let Some((wall_before, monotonic_before)) = *compared {
            let expected = wall_before + monotonic.saturating_sub(monotonic_before);
            let step_back = expected.duration_since(wall).unwrap_or_default();
            if step_back > MAX_FOLLOWED_STEP {
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
