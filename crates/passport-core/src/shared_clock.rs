use std::{any::TypeId, sync::Arc, time::Duration, time::SystemTime};

use crate::{Clock, SystemClock, unix_nanos::unix_nanos};

/// A clock that several components share: the operating system's clock, or a clock that the
/// application has set. Defaults to the operating system's clock.
///
/// The operating system's clock is called directly, and not through a `dyn Clock`, because the
/// current time is read for each request.
#[derive(Clone, Debug, Default)]
pub struct SharedClock {
    /// `None` stands for the operating system's clock.
    custom: Option<Arc<dyn Clock>>,
}

impl SharedClock {
    /// Creates a clock that reads the time from `clock`.
    #[must_use]
    pub fn new<C: Clock>(clock: C) -> Self {
        let is_system = TypeId::of::<C>() == TypeId::of::<SystemClock>();
        Self { custom: (!is_system).then(|| Arc::new(clock) as Arc<dyn Clock>) }
    }

    /// Returns the current wall-clock time in nanoseconds since the Unix epoch.
    #[must_use]
    #[inline]
    pub fn unix_nanos(&self) -> u64 {
        match &self.custom {
            None => SystemClock::unix_nanos(),
            Some(clock) => unix_nanos(clock.now()),
        }
    }
}

impl Clock for SharedClock {
    fn now(&self) -> SystemTime {
        match &self.custom {
            None => SystemClock.now(),
            Some(clock) => clock.now(),
        }
    }

    fn monotonic(&self) -> Duration {
        match &self.custom {
            None => SystemClock.monotonic(),
            Some(clock) => clock.monotonic(),
        }
    }
}

#[cfg(test)]
mod tests;
