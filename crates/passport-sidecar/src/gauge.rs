//! A guard that increments a gauge while it exists.

use metrics::Gauge;

/// Counts something that exists, such as a connection: has incremented a gauge by 1, and decrements
/// it when dropped.
#[derive(Debug)]
pub(crate) struct GaugeGuard(Gauge);

impl GaugeGuard {
    /// Increments `gauge` by 1.
    pub(crate) fn new(gauge: Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
