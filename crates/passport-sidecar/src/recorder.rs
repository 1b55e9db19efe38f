//! The Prometheus recorder for the metrics of the process.

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// The upper bounds of the histogram buckets in seconds.
const BUCKETS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// Installs a Prometheus recorder for the metrics of the whole process. Pass the returned handle
/// to [`SidecarServer::metrics`], which serves the metrics.
///
/// # Errors
/// Returns an error if the process already has a recorder.
///
/// [`SidecarServer::metrics`]: crate::SidecarServer::metrics
pub fn recorder() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()
}
