//! Decides whether a value in Redis can be used, and whether it is removed.

use std::time::Duration;

use metrics::counter;
use passport_outbound::{ClientId, StoredToken};

use crate::{
    envelope::{self, InvalidValue},
    metrics::{REJECTED, TARGET},
    scripts::MAX_VALUE,
    sealing_key::Ring,
};

/// A value in Redis, and for how many milliseconds it is kept.
pub(super) struct StoredValue {
    pub(super) value: Vec<u8>,
    pub(super) left: i64,
}

/// The reply of `PTTL` for a key that does not exist.
const NO_SUCH_KEY: i64 = -2;

const A_MINUTE: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl StoredValue {
    pub(super) fn is_missing(&self) -> bool {
        self.value.is_empty() && self.left == NO_SUCH_KEY
    }

    /// Returns the token in the value, which was stored at `redis_key`.
    pub(super) fn open(&self, ring: &Ring, redis_key: &str) -> Result<StoredToken, InvalidValue> {
        if self.value.len() > MAX_VALUE {
            return Err(InvalidValue::Malformed);
        }
        let stored = envelope::open(ring, redis_key, &self.value)?;
        // Without an end it is none that an instance has stored.
        let left = u64::try_from(self.left).map_err(|_| InvalidValue::Tampered)?;
        let left = Duration::from_millis(left);
        // No instance stores a token for longer than it lives; but the clock of a Redis that takes
        // over may be behind.
        if left > stored.lifetime() + A_MINUTE {
            return Err(InvalidValue::Tampered);
        }
        Ok(stored.with_time_left(left))
    }

    /// Whether an invalid value is removed, as it must not keep a valid one out. A value with a key
    /// that other instances may have is kept, for a day at most.
    pub(super) fn is_removed(&self, why: InvalidValue) -> bool {
        why != InvalidValue::UnknownKey || duration(self.left) > A_DAY
    }
}

/// Counts and logs a value that cannot be used.
pub(super) fn record_invalid(client_id: &ClientId, why: InvalidValue) {
    counter!(REJECTED, "client_id" => client_id.to_string(), "reason" => why.as_str()).increment(1);
    let advice = match why {
        InvalidValue::Malformed => {
            "it is none of ours, and taken away; does something else use the namespace, or an instance not encrypt?"
        }
        InvalidValue::UnknownKey => {
            "its key is not among encryption_keys; others may have it, so it stays. Were keys rotated in two steps?"
        }
        InvalidValue::Tampered => {
            "it was changed, or moved here from elsewhere, and is taken away; who may write to this Redis?"
        }
    };
    tracing::warn!(
        target: TARGET,
        %client_id,
        reason = why.as_str(),
        "a stored token is not used: {advice}"
    );
}

/// Returns a time that Redis has replied. Negative numbers are no times.
pub(super) fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

#[cfg(test)]
mod tests;
