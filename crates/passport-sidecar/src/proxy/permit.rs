//! The permit of a forwarded request.

use std::{sync::Arc, time::Duration};

use metrics::counter;

use crate::{
    admission::Admission,
    caller_auth::Caller,
    error::ErrorResponse,
    gauge::GaugeGuard,
    limits::{Exhausted, OpenFile, Share},
    metrics::FORWARDED_REJECTED,
};

/// The permit of a forwarded request: its share of the requests in flight, and one open file.
/// Clones of the permit are held until the bodies of the request and of the response have ended.
#[derive(Clone, Debug)]
pub(super) struct ForwardPermit {
    _held: Arc<(Share, OpenFile, GaugeGuard)>,
}

impl ForwardPermit {
    /// Takes a permit for a request of `caller`. Fails immediately if no permit is left.
    ///
    /// # Errors
    /// Returns an error response in these cases:
    /// - the caller has too many forwarded requests in flight (429);
    /// - all callers together have too many forwarded requests in flight (503);
    /// - too many files are open (503).
    pub(super) fn take(admission: &Admission, caller: &Caller) -> Result<Self, ErrorResponse> {
        let share = admission.forwarded.take(Some(&caller.name)).map_err(|exhausted| {
            let limit = match exhausted {
                Exhausted::Caller => "max_forwarded_requests_per_caller",
                Exhausted::All => "max_forwarded_requests",
            };
            count_rejected(limit);
            exhausted.response(limit)
        })?;
        let file = admission.files.take(Some(&caller.name)).ok_or_else(|| {
            count_rejected("open_files");
            ErrorResponse::unavailable(
                "too many open files: retry later, or raise LimitNOFILE (ulimit -n)",
                Duration::ZERO,
            )
        })?;
        Ok(Self { _held: Arc::new((share, file, GaugeGuard::new(admission.in_flight.clone()))) })
    }
}

/// Increments the counter of requests that were not forwarded because `limit` was reached.
fn count_rejected(limit: &'static str) {
    counter!(FORWARDED_REJECTED, "limit" => limit).increment(1);
}
