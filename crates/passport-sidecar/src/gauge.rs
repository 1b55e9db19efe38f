//! A guard that adds 1 to a gauge as long as the guard exists.

use metrics::Gauge;

/// Counts something that exists, such as a connection, in a gauge. Creating the guard increments
/// the gauge by 1. Dropping the guard decrements the gauge by 1.
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
