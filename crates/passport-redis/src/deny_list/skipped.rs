//! Counts and logs denials in Redis that cannot be used.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use metrics::counter;

use crate::{
    metrics::{SKIPPED_DENIALS, TARGET},
    sealed_value::InvalidValue,
};

/// The minimum time between two warnings.
const WARNING_PAUSE: Duration = Duration::from_secs(60);

/// When a warning was last logged, by the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct SkippedDenials(Mutex<Option<Duration>>);

impl SkippedDenials {
    /// Counts denials that were skipped for these reasons. Logs a warning, at most once a minute.
    pub(super) fn record(&self, reasons: &[InvalidValue], now: Duration) {
        for reason in reasons {
            counter!(SKIPPED_DENIALS, "reason" => reason.as_str()).increment(1);
        }
        let Some(reason) = reasons.first() else { return };
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_some_and(|logged| now.saturating_sub(logged) < WARNING_PAUSE) {
            return;
        }
        *logged = Some(now);
        let advice = match reason {
            InvalidValue::Malformed => {
                "check whether another program uses the namespace, or some instances do not encrypt"
            }
            InvalidValue::UnknownKey => {
                "the key that encrypted them is not in encryption_keys; add it and restart, and rotate keys in two steps"
            }
            InvalidValue::Tampered => "they were changed or moved; check who can write to this Redis",
        };
        tracing::warn!(
            target: TARGET, reason = reason.as_str(), skipped = reasons.len(),
            "denials of other instances skipped, their tokens are accepted: {advice}"
        );
    }
}

#[cfg(test)]
mod tests;
