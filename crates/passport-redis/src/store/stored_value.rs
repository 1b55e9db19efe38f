//! Checks a value that was read from Redis, and decides whether the store removes an invalid
//! value.

use std::time::Duration;

use metrics::counter;
use passport_outbound::{ClientId, StoredToken};

use crate::{
    envelope,
    metrics::{REJECTED, TARGET},
    scripts::MAX_VALUE,
    sealed_value::InvalidValue,
    sealing_key::Keyring,
};

/// The reply of [`READ`](crate::scripts::READ): the value of a token.
pub(super) struct StoredValue {
    /// The value. Empty if the Redis key does not exist.
    pub(super) value: Vec<u8>,
    /// The reply of `PTTL`: the time to live in milliseconds, -1 if the value never expires, or -2
    /// if the Redis key does not exist.
    pub(super) ttl_ms: i64,
}

/// The reply of `PTTL` for a Redis key that does not exist.
const NO_SUCH_KEY: i64 = -2;

/// The maximum by which the time to live of a value may exceed the lifetime of its token. No
/// instance stores a token for longer than the token's lifetime. But after a failover, the clock
/// of the new master can be behind, which makes the time to live longer. A value beyond this
/// maximum is treated as tampered with.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

/// The maximum time to live of a value that was encrypted with an unknown key. A value that
/// lives longer is removed.
const MAX_UNKNOWN_KEY_TTL: Duration = Duration::from_secs(24 * 60 * 60);

impl StoredValue {
    /// Returns whether the Redis key does not exist.
    pub(super) fn is_missing(&self) -> bool {
        self.value.is_empty() && self.ttl_ms == NO_SUCH_KEY
    }

    /// Decrypts the value, which was stored at `redis_key`, and returns the token in it. Returns an
    /// error if
    ///
    /// - the value is too long;
    /// - the value cannot be decrypted or parsed;
    /// - the value never expires, or its time to live exceeds the lifetime of the token by more
    ///   than [`MAX_CLOCK_SKEW`].
    pub(super) fn open(&self, keyring: &Keyring, redis_key: &str) -> Result<StoredToken, InvalidValue> {
        if self.value.len() > MAX_VALUE {
            return Err(InvalidValue::Malformed);
        }
        let stored = envelope::open(keyring, redis_key, &self.value)?;
        // A negative reply of `PTTL` means that the value never expires. No instance stores such a
        // value.
        let ttl_ms = u64::try_from(self.ttl_ms).map_err(|_| InvalidValue::Tampered)?;
        let ttl = Duration::from_millis(ttl_ms);
        if ttl > stored.lifetime() + MAX_CLOCK_SKEW {
            return Err(InvalidValue::Tampered);
        }
        Ok(stored.with_ttl(ttl))
    }

    /// Returns whether the store must remove this value, which is invalid for `reason`, so that a
    /// valid value can replace it. Returns false for a value that was encrypted with an unknown
    /// key, because other instances may have the key. If the time to live of such a value exceeds a
    /// day, returns true.
    pub(super) fn must_be_removed(&self, reason: InvalidValue) -> bool {
        reason != InvalidValue::UnknownKey || duration(self.ttl_ms) > MAX_UNKNOWN_KEY_TTL
    }
}

/// Counts and logs an invalid stored token of the client `client_id`.
pub(super) fn record_invalid(client_id: &ClientId, reason: InvalidValue) {
    counter!(REJECTED, "client_id" => client_id.to_string(), "reason" => reason.as_str()).increment(1);
    let advice = match reason {
        InvalidValue::Malformed => {
            "it has another format and was removed; check whether another program uses the namespace, or some instances do not encrypt"
        }
        InvalidValue::UnknownKey => {
            "the key that encrypted it is not in encryption_keys; it was kept for instances that have the key. To avoid this, rotate keys in two steps"
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

/// Converts the reply of `PTTL`, a time to live in milliseconds. Returns zero for a negative
/// reply.
pub(super) fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

#[cfg(test)]
mod tests;
