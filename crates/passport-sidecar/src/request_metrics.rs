//! The metrics of finished requests.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use metrics::{Counter, Histogram, counter, histogram};

use crate::metrics::{DURATION, REQUESTS};

/// The route, the status and the error code of a request: the labels of its metrics.
pub(crate) type RequestLabels = (&'static str, u16, &'static str);

/// Counts finished requests, and records how long they took. The handles of the metrics are kept,
/// because finding one costs more than recording a value.
#[derive(Debug, Default)]
pub(crate) struct RequestMetrics(RwLock<BTreeMap<RequestLabels, Handles>>);

#[derive(Debug)]
struct Handles {
    requests: Counter,
    duration: Histogram,
}

impl RequestMetrics {
    /// Records a request with `labels` that took `duration`.
    pub(crate) fn record(&self, labels: RequestLabels, duration: Duration) {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&labels) {
            known.record(duration);
            return;
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(labels).or_insert_with(|| Handles::new(labels)).record(duration);
    }
}

impl Handles {
    fn new((route, status, error): RequestLabels) -> Self {
        let status = status.to_string();
        Self {
            requests: counter!(REQUESTS, "route" => route, "status" => status, "error" => error),
            duration: histogram!(DURATION, "route" => route),
        }
    }

    fn record(&self, duration: Duration) {
        self.requests.increment(1);
        self.duration.record(duration.as_secs_f64());
    }
}
