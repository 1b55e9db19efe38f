//! The names of everything this crate emits. No field and no label holds a secret or a token.

use std::time::Duration;

use metrics::{Gauge, counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

pub(crate) const TARGET: &str = "passport::sidecar";
pub(crate) const ACCESS: &str = "passport::sidecar::access";

const REQUESTS: &str = "passport_sidecar_requests_total";
const DURATION: &str = "passport_sidecar_request_duration_seconds";
const CONNECTIONS: &str = "passport_sidecar_connections";
const TURNED_AWAY: &str = "passport_sidecar_connections_turned_away_total";
const FORBIDDEN: &str = "passport_sidecar_connections_forbidden_total";
const FORWARDED: &str = "passport_sidecar_forwarded_requests";
const NOT_FORWARDED: &str = "passport_sidecar_forwarded_requests_rejected_total";

/// The upper ends of what times are counted in.
const SECONDS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// Takes the metrics of the whole process in, for the admin listener to show. Once for each process.
///
/// # Errors
/// When somebody else does so already.
pub fn recorder() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()
}

pub(crate) fn answered(interface: &'static str, status: u16, error: &'static str, took: Duration) {
    counter!(REQUESTS, "interface" => interface, "status" => status.to_string(), "error" => error)
        .increment(1);
    histogram!(DURATION, "interface" => interface).record(took.as_secs_f64());
}

/// A connection, counted as long as this value is there.
pub(crate) struct Taken(Gauge);

impl Taken {
    pub(crate) fn at(door: &'static str) -> Self {
        let taken = gauge!(CONNECTIONS, "door" => door);
        taken.increment(1);
        Self(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

pub(crate) fn turned_away(door: &'static str) {
    counter!(TURNED_AWAY, "door" => door).increment(1);
}

/// A connection to the Unix socket by a user that is no caller.
pub(crate) fn forbidden() {
    counter!(FORBIDDEN).increment(1);
}

/// A forwarded request, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Forwarded(());

impl Forwarded {
    pub(crate) fn begin() -> Self {
        gauge!(FORWARDED).increment(1);
        Self(())
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        gauge!(FORWARDED).decrement(1);
    }
}

/// A request that was not forwarded because `limit` was reached.
pub(crate) fn not_forwarded(limit: &'static str) {
    counter!(NOT_FORWARDED, "limit" => limit).increment(1);
}
