use std::{
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Where the time comes from. Every decision about expiry takes `now` from here, so that tests own the time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current wall-clock time. It may be set forward and back.
    fn now(&self) -> SystemTime;

    /// How much time has passed since some fixed moment, whatever was done to the wall clock. It may stand still while the
    /// machine sleeps. By default the operating system's monotonic clock.
    fn uptime(&self) -> Duration {
        monotonic()
    }
}

#[expect(clippy::disallowed_methods, reason = "the other place where time enters")]
fn monotonic() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// The clock of the operating system. The default everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
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
pub struct ManualClock {
    unix_millis: Arc<AtomicU64>,
    uptime_millis: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows `seconds` since the Unix epoch.
    #[must_use]
    pub fn at_unix_seconds(seconds: u32) -> Self {
        Self {
            unix_millis: Arc::new(AtomicU64::new(u64::from(seconds) * 1000)),
            uptime_millis: Arc::default(),
        }
    }

    /// Lets time pass, to the millisecond.
    pub fn advance(&self, by: Duration) {
        self.uptime_millis.fetch_add(millis(by), Ordering::SeqCst);
        self.set_forward(by);
    }

    /// Moves the wall clock forward, to the millisecond, without time passing: the machine has slept, or the clock was set.
    pub fn set_forward(&self, by: Duration) {
        self.unix_millis.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// Moves the wall clock back, to the millisecond, as an operator or a time server may.
    pub fn set_back(&self, by: Duration) {
        let millis = millis(by);
        let _ = self
            .unix_millis
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_sub(millis)));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.unix_millis.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.uptime_millis.load(Ordering::SeqCst))
    }
}
