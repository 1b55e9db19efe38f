use std::{
    fmt,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

#[cfg(target_os = "linux")]
use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime},
};

use crate::unix_nanos::unix_nanos;

/// A source of the current time.
///
/// Every decision about expiry reads the time from a `Clock`, so that tests can control the
/// time. The default is [`SystemClock`]; tests use [`ManualClock`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a clock",
    label = "expected `SystemClock`, `ManualClock` or a type that implements `Clock`"
)]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current wall-clock time, which an operator or a time server can set forward and
    /// back.
    fn now(&self) -> SystemTime;

    /// Returns the time that has elapsed since a fixed moment. This time never goes back, does not
    /// depend on changes to the wall clock, and can pause while the machine sleeps.
    ///
    /// Defaults to the operating system's monotonic clock. A clock with a simulated
    /// [`now`](Self::now) must also implement this method, and must advance both times together.
    /// Otherwise the difference between the two times looks like a change of the wall clock.
    fn monotonic(&self) -> Duration {
        monotonic()
    }
}

#[expect(clippy::disallowed_methods, reason = "the only call of the monotonic clock")]
fn monotonic() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// The clock of the operating system, which is the default everywhere.
///
/// On Linux, `SystemClock` reads `CLOCK_REALTIME_COARSE`, which the kernel updates with its
/// timer tick. Reading this clock takes a seventh of the time of reading `CLOCK_REALTIME`, but
/// the result is usually a few milliseconds behind.
///
/// This lag does not matter, because token verification tolerates a clock skew of one minute by
/// default. If the tolerance is set to zero, a token can be rejected during the first
/// milliseconds of its lifetime, because it seems to be issued in the future.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Returns the current wall-clock time in nanoseconds since the Unix epoch.
    #[cfg(target_os = "linux")]
    #[inline]
    pub(crate) fn unix_nanos() -> u64 {
        let nanos = coarse_time().ok().and_then(|time| {
            let seconds = u64::try_from(time.tv_sec()).ok()?.checked_mul(1_000_000_000)?;
            seconds.checked_add(u64::try_from(time.tv_nsec()).ok()?)
        });
        nanos.unwrap_or_else(|| unix_nanos(Self.now()))
    }

    /// Returns the current wall-clock time in nanoseconds since the Unix epoch.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn unix_nanos() -> u64 {
        unix_nanos(SystemClock.now())
    }
}

/// Reads the clock that the kernel updates with its timer tick.
#[cfg(target_os = "linux")]
#[inline]
fn coarse_time() -> nix::Result<TimeSpec> {
    clock_gettime(ClockId::CLOCK_REALTIME_COARSE)
}

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_methods, reason = "the only call of the wall clock")]
    fn now(&self) -> SystemTime {
        match coarse_time() {
            Ok(time) => UNIX_EPOCH + Duration::from(time),
            // Kernels before 2.6.32 (2009) do not have the coarse clock.
            Err(_) => SystemTime::now(),
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::disallowed_methods, reason = "the only call of the wall clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock for tests. Its time changes only when a test advances or sets the clock. Clones share
/// the time.
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
pub struct ManualClock(Arc<Mutex<CurrentTime>>);

#[derive(Debug)]
struct CurrentTime {
    wall: SystemTime,
    monotonic: Duration,
}

impl ManualClock {
    /// Creates a clock at `seconds` since the Unix epoch.
    #[must_use]
    pub fn at_unix_seconds(seconds: u32) -> Self {
        let wall = UNIX_EPOCH + Duration::from_secs(u64::from(seconds));
        Self(Arc::new(Mutex::new(CurrentTime { wall, monotonic: Duration::ZERO })))
    }

    /// Advances both the wall clock and the monotonic clock by `by`.
    pub fn advance(&self, by: Duration) {
        let mut time = self.time();
        time.wall = time.wall.checked_add(by).unwrap_or(time.wall);
        time.monotonic = time.monotonic.saturating_add(by);
    }

    /// Sets the wall clock forward by `by` and leaves the monotonic clock unchanged. This simulates
    /// that the machine was asleep, or that the clock was adjusted.
    pub fn set_forward(&self, by: Duration) {
        let mut time = self.time();
        time.wall = time.wall.checked_add(by).unwrap_or(time.wall);
    }

    /// Sets the wall clock back by `by`, at most to the Unix epoch, and leaves the monotonic clock
    /// unchanged. This simulates that an operator or a time server adjusts the clock.
    pub fn set_back(&self, by: Duration) {
        let mut time = self.time();
        time.wall = time.wall.checked_sub(by).filter(|wall| *wall > UNIX_EPOCH).unwrap_or(UNIX_EPOCH);
    }

    fn time(&self) -> MutexGuard<'_, CurrentTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.time().wall
    }

    fn monotonic(&self) -> Duration {
        self.time().monotonic
    }
}

#[cfg(test)]
mod tests;
