//! Lua scripts that run in Redis, each of them atomic and idempotent. A script is sent in full
//! with each call: it is shorter than a token, and needs no script cache, which a restart would
//! clear.
//!
//! `KEYS[1]` is the key of the token, `KEYS[2]` the key of its lease. Other programs may have
//! written to them, so a value of another type is replaced and does not cause an error.

/// The maximum length of a value, in bytes.
pub(crate) const MAX_VALUE: usize = 64 * 1024;

/// Reads at most one byte more than the maximum length, so that a longer value is detected.
macro_rules! value {
    () => {
        "local value = redis.pcall('GETRANGE', KEYS[1], 0, 65536)
         if type(value) == 'table' then value = '?' end
        "
    };
}

/// Reads the holder of the lease.
macro_rules! holder {
    () => {
        "local holder = redis.pcall('GET', KEYS[2])
         if type(holder) == 'table' then redis.call('UNLINK', KEYS[2]); holder = false end
        "
    };
}

/// Returns the value, and its time to live in milliseconds.
pub(crate) const READ: &str = concat!(value!(), "return {value, redis.call('PTTL', KEYS[1])}");

/// Grants the lease to the holder `ARGV[1]` for `ARGV[2]` milliseconds, or extends it, unless
/// another holder has it. Returns whether it was granted, its time to live, and the reply of
/// [`READ`]. A longer lease, which only another program can have written, is shortened.
pub(crate) const LEASE: &str = concat!(
    holder!(),
    value!(),
    "local granted = (not holder or holder == ARGV[1]) and 1 or 0
     local left = redis.call('PTTL', KEYS[2])
     if granted == 1 then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
     elseif left < 0 or left > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
     return {granted, redis.call('PTTL', KEYS[2]), value, redis.call('PTTL', KEYS[1])}"
);

/// Ends the lease of the holder `ARGV[1]`; stores the value `ARGV[2]` for `ARGV[3]`
/// milliseconds, unless the current value has a longer time to live; publishes `ARGV[5]` on the
/// channel `ARGV[4]`. If the value cannot be stored, the notification is still sent, and vice
/// versa.
pub(crate) const PUBLISH: &str = concat!(
    holder!(),
    "if holder == ARGV[1] then redis.call('UNLINK', KEYS[2]) end
     local stored = 0
     if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then stored = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
     redis.pcall('PUBLISH', ARGV[4], ARGV[5])
     return stored"
);

/// Ends the lease if its holder is `ARGV[1]`, and then publishes `ARGV[3]` on the channel
/// `ARGV[2]`.
pub(crate) const RELEASE: &str = concat!(
    holder!(),
    "if holder ~= ARGV[1] then return 0 end
     redis.call('UNLINK', KEYS[2])
     redis.pcall('PUBLISH', ARGV[2], ARGV[3])
     return 1"
);

/// Removes the value if its bytes at the positions `ARGV[2]` to `ARGV[3]` are `ARGV[1]`.
pub(crate) const REMOVE: &str = concat!(
    value!(),
    "if string.sub(value, ARGV[2], ARGV[3]) ~= ARGV[1] then return 0 end
     return redis.call('UNLINK', KEYS[1])"
);

/// Removes the value if it equals `ARGV[1]`.
pub(crate) const CLEAR: &str = concat!(
    value!(),
    "if value ~= ARGV[1] then return 0 end
     return redis.call('UNLINK', KEYS[1])"
);

#[cfg(test)]
mod tests;
