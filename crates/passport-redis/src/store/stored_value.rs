//! Decides whether a value in Redis is valid, and whether an invalid one is removed.

use std::time::Duration;

use metrics::counter;
use passport_outbound::{ClientId, StoredToken};

use crate::{
    envelope::{self, InvalidValue},
    metrics::{REJECTED, TARGET},
    scripts::MAX_VALUE,
    sealing_key::Keyring,
};

/// The reply to a read: a value, and its time to live in milliseconds, or a negative `PTTL`
/// reply.
pub(super) struct StoredValue {
    pub(super) value: Vec<u8>,
    pub(super) ttl_ms: i64,
}

/// The reply of `PTTL` for a key that does not exist.
const NO_SUCH_KEY: i64 = -2;

/// By how much the time to live of a value may exceed the lifetime of its token. No instance
/// stores a token for longer, but after a failover the clock of the new master may be behind.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

/// The longest time for which a value with an unknown key is kept.
const MAX_UNKNOWN_KEY_TTL: Duration = Duration::from_secs(24 * 60 * 60);

impl StoredValue {
    /// Returns whether the key does not exist.
    pub(super) fn is_missing(&self) -> bool {
        self.value.is_empty() && self.ttl_ms == NO_SUCH_KEY
    }

    /// Decrypts the value, which was stored at `redis_key`, and returns its token.
    pub(super) fn open(&self, keyring: &Keyring, redis_key: &str) -> Result<StoredToken, InvalidValue> {
        if self.value.len() > MAX_VALUE {
            return Err(InvalidValue::Malformed);
        }
        let stored = envelope::open(keyring, redis_key, &self.value)?;
        // A negative reply means no time to live: no instance stores such a value.
        let ttl_ms = u64::try_from(self.ttl_ms).map_err(|_| InvalidValue::Tampered)?;
        let ttl = Duration::from_millis(ttl_ms);
        if ttl > stored.lifetime() + MAX_CLOCK_SKEW {
            return Err(InvalidValue::Tampered);
        }
        Ok(stored.with_ttl(ttl))
    }

    /// Returns whether an invalid value must be removed, so that a valid one can replace it. A
    /// value with an unknown key is kept for a day at most, because other instances may have the
    /// key.
    pub(super) fn must_be_removed(&self, reason: InvalidValue) -> bool {
        reason != InvalidValue::UnknownKey || duration(self.ttl_ms) > MAX_UNKNOWN_KEY_TTL
    }
}

/// Counts and logs an invalid value.
pub(super) fn record_invalid(client_id: &ClientId, reason: InvalidValue) {
    counter!(REJECTED, "client_id" => client_id.to_string(), "reason" => reason.as_str()).increment(1);
    let advice = match reason {
        InvalidValue::Malformed => {
            "it has another format and was removed; check whether another program uses the namespace, or an instance does not encrypt"
        }
        InvalidValue::UnknownKey => {
            "its key is not in encryption_keys; it was kept for instances that have the key. To avoid this, rotate keys in two steps"
        }
        InvalidValue::Tampered => {
            "it was changed or moved, and was removed; check who can write to this Redis"
        }
    };
    tracing::warn!(
        target: TARGET,
        %client_id,
        reason = reason.as_str(),
        "stored token ignored: {advice}"
    );
}

/// Returns a time to live that Redis has replied. A negative reply is zero.
pub(super) fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

#[cfg(test)]
mod tests;
