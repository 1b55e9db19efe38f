//! Measures what a piece of work records.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// Returns the metrics that `work` records, by name and labels without the client id: the count of
/// a counter, the last value of others.
pub(crate) async fn measured(work: impl Future<Output = ()>) -> BTreeMap<String, f64> {
    let recorder = DebuggingRecorder::new();
    {
        let _guard = metrics::set_default_local_recorder(&recorder);
        work.await;
    }
    let metrics = recorder.snapshotter().snapshot().into_vec().into_iter();
    metrics
        .map(|(key, _, _, value)| {
            let labels = key.key().labels().filter(|label| label.key() != "client_id");
            let words = [key.key().name()].into_iter().chain(labels.map(metrics::Label::value));
            let value = match value {
                #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => *value,
                DebugValue::Histogram(values) => values.last().map_or(0.0, |value| **value),
            };
            (words.collect::<Vec<_>>().join(" "), value)
        })
        .collect()
}
