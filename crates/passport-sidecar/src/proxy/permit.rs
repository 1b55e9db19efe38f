//! The permit of a forwarded request.

use std::{sync::Arc, time::Duration};

use metrics::{counter, gauge};

use crate::{
    admission::Admission,
    caller_auth::Caller,
    error::ErrorResponse,
    gauge::GaugeGuard,
    limits::{Exhausted, OpenFile, Share},
    metrics::{FORWARDED, FORWARDED_REJECTED},
};

/// The permit of a forwarded request. It is held until the bodies of request and response have
/// ended.
#[derive(Clone, Debug)]
pub(super) struct ForwardPermit {
    _held: Arc<(Share, OpenFile, GaugeGuard)>,
}

impl ForwardPermit {
    /// Takes a permit. Does not wait.
    ///
    /// # Errors
    /// Returns a 429 if the caller has too many requests in flight, and a 503 if all callers
    /// together have, or too many files are open.
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
            ErrorResponse::unavailable("too many open files; see LimitNOFILE", Duration::ZERO)
        })?;
        Ok(Self { _held: Arc::new((share, file, GaugeGuard::new(gauge!(FORWARDED)))) })
    }
}

/// Counts a request that is not forwarded because `limit` is reached.
fn count_rejected(limit: &'static str) {
    counter!(FORWARDED_REJECTED, "limit" => limit).increment(1);
}
