//! The Lua scripts that run in Redis. Each is atomic and idempotent. A call sends the whole
//! script: a script is shorter than a token, and the script cache of Redis would be empty after
//! a restart.
//!
//! `KEYS[1]` is the Redis key of the token, `KEYS[2]` that of its lease. If another program has
//! stored a value of another type there, such as a list, a script replaces it instead of
//! failing.

/// The maximum length of a stored value, in bytes. A longer token is not stored, and a longer
/// value in Redis is invalid.
pub(crate) const MAX_VALUE: usize = 64 * 1024;

/// Lua code that reads the value of the token, at most one byte more than the maximum length, so
/// that a longer value is detected. A value of another type becomes `?`, which is invalid.
macro_rules! value {
    () => {
        "local value = redis.pcall('GETRANGE', KEYS[1], 0, 65536)
         if type(value) == 'table' then value = '?' end
        "
    };
}

/// Lua code that reads the holder of the lease, and removes a lease of another type.
macro_rules! holder {
    () => {
        "local holder = redis.pcall('GET', KEYS[2])
         if type(holder) == 'table' then redis.call('UNLINK', KEYS[2]); holder = false end
        "
    };
}

/// Returns the value of the token, and its time to live in milliseconds.
pub(crate) const READ: &str = concat!(value!(), "return {value, redis.call('PTTL', KEYS[1])}");

/// Grants the lease to the holder `ARGV[1]` for `ARGV[2]` milliseconds, or extends it, unless
/// another holder has it. A lease of another holder is shortened to `ARGV[2]` if it is longer,
/// or never expires: another program has written it.
///
/// Returns whether the lease was granted, its time to live in milliseconds, and the reply of
/// [`READ`].
pub(crate) const LEASE: &str = concat!(
    holder!(),
    value!(),
    "local granted = (not holder or holder == ARGV[1]) and 1 or 0
     local left = redis.call('PTTL', KEYS[2])
     if granted == 1 then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
     elseif left < 0 or left > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
     return {granted, redis.call('PTTL', KEYS[2]), value, redis.call('PTTL', KEYS[1])}"
);

/// Publishes a token in three steps. If one of the last two fails, the other still runs.
///
/// 1. Ends the lease, if its holder is `ARGV[1]`.
/// 2. Stores the value `ARGV[2]` for `ARGV[3]` milliseconds, unless the current value has a
///    longer time to live.
/// 3. Publishes `ARGV[5]` on the channel `ARGV[4]`.
pub(crate) const PUBLISH: &str = concat!(
    holder!(),
    "if holder == ARGV[1] then redis.call('UNLINK', KEYS[2]) end
     local stored = 0
     if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then stored = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
     redis.pcall('PUBLISH', ARGV[4], ARGV[5])
     return stored"
);

/// If the holder of the lease is `ARGV[1]`, ends the lease and publishes `ARGV[3]` on the
/// channel `ARGV[2]`. Returns whether it did.
pub(crate) const RELEASE: &str = concat!(
    holder!(),
    "if holder ~= ARGV[1] then return 0 end
     redis.call('UNLINK', KEYS[2])
     redis.pcall('PUBLISH', ARGV[2], ARGV[3])
     return 1"
);

/// Removes the value of the token if its bytes at the positions `ARGV[2]` to `ARGV[3]`, the hash
/// of the token, are `ARGV[1]`.
pub(crate) const REMOVE: &str = concat!(
    value!(),
    "if string.sub(value, ARGV[2], ARGV[3]) ~= ARGV[1] then return 0 end
     return redis.call('UNLINK', KEYS[1])"
);

/// Removes the value of the token if it equals `ARGV[1]`.
pub(crate) const CLEAR: &str = concat!(
    value!(),
    "if value ~= ARGV[1] then return 0 end
     return redis.call('UNLINK', KEYS[1])"
);

#[cfg(test)]
mod tests;
