//! A wall clock that ignores large steps back.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use passport_core::{Clock, SharedClock, from_unix_nanos};

/// The largest step back of the wall clock that [`MonotonicClock`] follows, in nanoseconds. Clock
/// synchronization causes such steps. After a larger step, [`MonotonicClock`] continues
/// unchanged.
const MAX_FOLLOWED_STEP: u64 = 5_000_000_000;

/// The longest time that one comparison of the wall clock with the system's monotonic clock can
/// take. If the thread was interrupted for longer, the comparison is discarded, because the two
/// clocks were not read at the same time.
const MAX_INTERRUPTION: Duration = Duration::from_millis(100);

/// The time between two comparisons of the clocks, in nanoseconds.
const COMPARED_EVERY: u64 = 1_000_000_000;

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
    /// The total of all ignored steps back of the wall clock, in nanoseconds.
    offset: AtomicU64,
    /// The wall clock time of the last comparison, in nanoseconds since the Unix epoch.
    compared_at: AtomicU64,
    /// The wall clock time of the last comparison, in nanoseconds since the Unix epoch, and its
    /// monotonic time. A thread that finds the mutex locked does not wait, because another thread
    /// is comparing the clocks at that moment.
    compared: Mutex<Option<(u64, Duration)>>,
}

impl MonotonicClock {
    /// Returns the current time of this clock.
    pub(crate) fn now(&self, clock: &SharedClock) -> SystemTime {
        from_unix_nanos(self.now_nanos(clock))
    }

    /// Returns the current time of this clock in nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn now_nanos(&self, clock: &SharedClock) -> u64 {
        let wall = clock.unix_nanos();
        // The difference wraps around if the wall clock was set back, and is then large as well.
        if wall.wrapping_sub(self.compared_at.load(Ordering::Relaxed)) >= COMPARED_EVERY {
            self.compare(clock);
        }
        wall.saturating_add(self.offset.load(Ordering::Relaxed))
    }

    /// Converts a wall clock time to a time of this clock.
    pub(crate) fn at_wall(&self, wall: SystemTime) -> SystemTime {
        wall.checked_add(self.offset()).unwrap_or(wall)
    }

    /// Converts a time of this clock to a wall clock time.
    pub(crate) fn to_wall(&self, monotonic: SystemTime) -> SystemTime {
        monotonic.checked_sub(self.offset()).unwrap_or(monotonic)
    }

    fn offset(&self) -> Duration {
        Duration::from_nanos(self.offset.load(Ordering::Relaxed))
    }

    /// Compares the wall clock with the system's monotonic clock. If the wall clock was set
    /// back by more than [`MAX_FOLLOWED_STEP`] since the last comparison, adds the step to the
    /// offset.
    #[cold]
    fn compare(&self, clock: &SharedClock) {
        let Ok(mut compared) = self.compared.try_lock() else { return };
        let (monotonic, wall) = (clock.monotonic(), clock.unix_nanos());
        if clock.monotonic().saturating_sub(monotonic) > MAX_INTERRUPTION {
            return;
        }
        if let Some((wall_before, monotonic_before)) = *compared {
            let elapsed = monotonic.saturating_sub(monotonic_before).as_nanos();
            let expected = wall_before.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX));
            let step_back = expected.saturating_sub(wall);
            if step_back > MAX_FOLLOWED_STEP {
                self.offset.fetch_add(step_back, Ordering::Relaxed);
            }
        }
        *compared = Some((wall, monotonic));
        self.compared_at.store(wall, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "monotonic_clock/tests.rs"]
mod tests;
