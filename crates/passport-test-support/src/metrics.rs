//! Captures the metrics of a test.

use std::collections::BTreeMap;

use metrics::Label;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// Labels that [`measured`] omits, because they have a different value in each test.
const OMITTED_LABELS: [&str; 2] = ["client_id", "issuer"];

/// Runs `work`, and returns the metrics that `work` records on the current thread.
///
/// A key in the returned map is the name of a metric, followed by the values of its labels,
/// separated by blanks. The labels `client_id` and `issuer` are omitted. A value in the map is
/// the count of a counter, or the last value of a gauge or histogram.
pub async fn measured(work: impl Future<Output = ()>) -> BTreeMap<String, f64> {
    let ((), recorded) = recorded(work).await;
    let values = recorded.into_iter().map(|(name, labels, value)| {
        let labels = labels.into_iter().filter(|label| !OMITTED_LABELS.contains(&label.key()));
        let labels = labels.map(|label| label.value().to_owned());
        let key = [name].into_iter().chain(labels).collect::<Vec<_>>().join(" ");
        (key, last_value(&value))
    });
    values.collect()
}

/// Runs `work`. Returns the output of `work`, and the name, labels and value of each metric that
/// `work` records on the current thread.
pub async fn recorded<T>(work: impl Future<Output = T>) -> (T, Vec<(String, Vec<Label>, DebugValue)>) {
    let recorder = DebuggingRecorder::new();
    let output = {
        let _guard = metrics::set_default_local_recorder(&recorder);
        work.await
    };
    let metrics = recorder.snapshotter().snapshot().into_vec().into_iter();
    let metrics = metrics.map(|(key, _, _, value)| {
        let key = key.key();
        (key.name().to_owned(), key.labels().cloned().collect(), value)
    });
    (output, metrics.collect())
}

/// Returns the count of a counter, or the last value of a gauge or histogram. Returns NaN for an
/// empty histogram.
fn last_value(value: &DebugValue) -> f64 {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "the counts in tests are small")]
        DebugValue::Counter(count) => *count as f64,
        DebugValue::Gauge(value) => **value,
        DebugValue::Histogram(values) => values.last().map_or(f64::NAN, |value| **value),
    }
}
