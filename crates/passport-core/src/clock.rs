use std::{
    fmt,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

#[cfg(target_os = "linux")]
use nix::time::{ClockId, clock_gettime};

/// Where the time comes from. Every decision about expiry takes `now` from here, so that tests own the time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current wall-clock time. It may be set forward and back.
    fn now(&self) -> SystemTime;

    /// How much time has passed since some fixed moment, whatever was done to the wall clock. It may stand still while the
    /// machine sleeps. By default the operating system's monotonic clock; a clock that is moved by hand has to move this,
    /// too, or its standing still looks like being set back.
    fn monotonic(&self) -> Duration {
        monotonic()
    }
}

#[expect(clippy::disallowed_methods, reason = "the other place where time enters")]
fn monotonic() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// The clock of the operating system. The default everywhere.
///
/// On Linux it is the one that the kernel moves with its timer (`CLOCK_REALTIME_COARSE`), usually a few milliseconds behind: a look
/// at it costs a seventh, and tokens are granted a minute for clocks that differ. Who sets that to zero may see a token refused
/// as issued in the future in the first milliseconds of its life.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
    fn now(&self) -> SystemTime {
        match clock_gettime(ClockId::CLOCK_REALTIME_COARSE) {
            Ok(time) => UNIX_EPOCH + Duration::from(time),
            // A kernel without it; they have all had it since 2009.
            Err(_) => SystemTime::now(),
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is told to move. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use passport_core::{Clock, ManualClock};
///
/// let clock = ManualClock::at_unix_seconds(1_750_000_000);
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), before + Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Shown>>);

#[derive(Debug)]
struct Shown {
    wall: SystemTime,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that shows `seconds` since the Unix epoch.
    #[must_use]
    pub fn at_unix_seconds(seconds: u32) -> Self {
        let wall = UNIX_EPOCH + Duration::from_secs(u64::from(seconds));
        Self(Arc::new(Mutex::new(Shown { wall, monotonic: Duration::ZERO })))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut shown = self.shown();
        shown.wall = shown.wall.checked_add(by).unwrap_or(shown.wall);
        shown.monotonic = shown.monotonic.saturating_add(by);
    }

    /// Moves the wall clock forward without time passing: the machine has slept, or the clock was set.
    pub fn set_forward(&self, by: Duration) {
        let mut shown = self.shown();
        shown.wall = shown.wall.checked_add(by).unwrap_or(shown.wall);
    }

    /// Moves the wall clock back, as an operator or a time server may; not beyond the Unix epoch.
    pub fn set_back(&self, by: Duration) {
        let mut shown = self.shown();
        shown.wall = shown.wall.checked_sub(by).filter(|wall| *wall > UNIX_EPOCH).unwrap_or(UNIX_EPOCH);
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.shown().wall
    }

    fn monotonic(&self) -> Duration {
        self.shown().monotonic
    }
}

#[cfg(test)]
mod tests;
