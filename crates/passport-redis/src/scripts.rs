//! The Lua scripts that run in Redis. Each script is atomic and safe to repeat. Each call sends the
//! whole script instead of its hash: a script is shorter than a token, and the script cache of
//! Redis would be empty after a restart.
//!
//! In the scripts for tokens, `KEYS[1]` is the Redis key of the token, `KEYS[2]` is the Redis key
//! of the lease. If another program has stored a value of another type at one of these keys, such
//! as a list, a script replaces or removes that value instead of failing.

use redis::{Cmd, cmd};

/// The maximum length of a stored value, in bytes. A longer token is not stored, and a longer
/// value in Redis is invalid.
pub(crate) const MAX_VALUE: usize = 64 * 1024;

/// Lua code that reads the value of the token into `value`. It reads at most one byte more than
/// the maximum length, so that a longer value is detected. If the value has another type,
/// `value` is `?`, which is invalid.
macro_rules! value {
    () => {
        "local value = redis.pcall('GETRANGE', KEYS[1], 0, 65536)
         if type(value) == 'table' then value = '?' end
        "
    };
}

/// Lua code that reads the holder of the lease into `holder`. Without a lease, `holder` is
/// false. A lease value of another type is removed.
macro_rules! holder {
    () => {
        "local holder = redis.pcall('GET', KEYS[2])
         if type(holder) == 'table' then redis.call('UNLINK', KEYS[2]); holder = false end
        "
    };
}

/// Returns the value of the token, and its time to live in milliseconds.
pub(crate) const READ: &str = concat!(value!(), "return {value, redis.call('PTTL', KEYS[1])}");

/// Requests the lease for the holder `ARGV[1]`:
///
/// - If no holder has the lease, grants the lease for `ARGV[2]` milliseconds.
/// - If `ARGV[1]` has the lease, sets its time to live to `ARGV[2]` milliseconds.
/// - If another holder has the lease, does not grant it. If that lease lives longer than
///   `ARGV[2]` milliseconds or never expires, shortens it to `ARGV[2]`: another program has
///   written it.
///
/// Returns whether the lease was granted, the time to live of the lease in milliseconds, and the
/// reply of [`READ`].
pub(crate) const LEASE: &str = concat!(
    holder!(),
    value!(),
    "local granted = (not holder or holder == ARGV[1]) and 1 or 0
     local left = redis.call('PTTL', KEYS[2])
     if granted == 1 then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
     elseif left < 0 or left > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
     return {granted, redis.call('PTTL', KEYS[2]), value, redis.call('PTTL', KEYS[1])}"
);

/// Publishes a token in three steps. If step 2 fails, step 3 still runs. A failure of step 3 is
/// ignored.
///
/// 1. Ends the lease if its holder is `ARGV[1]`.
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

/// If the holder of the lease is `ARGV[1]`, ends the lease, publishes `ARGV[3]` on the channel
/// `ARGV[2]`, and returns 1. Otherwise returns 0.
pub(crate) const RELEASE: &str = concat!(
    holder!(),
    "if holder ~= ARGV[1] then return 0 end
     redis.call('UNLINK', KEYS[2])
     redis.pcall('PUBLISH', ARGV[2], ARGV[3])
     return 1"
);

/// Removes the value of the token if the token has the hash `ARGV[1]`. The hash is the bytes of
/// the value at the positions `ARGV[2]` to `ARGV[3]`.
pub(crate) const REMOVE: &str = concat!(
    value!(),
    "if string.sub(value, ARGV[2], ARGV[3]) ~= ARGV[1] then return 0 end
     return redis.call('UNLINK', KEYS[1])"
);

/// Removes the value of the token if the value equals `ARGV[1]`.
pub(crate) const CLEAR: &str = concat!(
    value!(),
    "if value ~= ARGV[1] then return 0 end
     return redis.call('UNLINK', KEYS[1])"
);

/// Publishes a denial in two steps:
///
/// 1. Appends the value `ARGV[1]` to the stream `KEYS[1]`, and adds its time of expiry `ARGV[2]`,
///    in seconds since 1970, to the sorted set `KEYS[2]`.
/// 2. Deletes up to 100 denials that have expired more than `ARGV[4]` seconds ago, by the earlier
///    one of the clock of Redis and that of the instance (`ARGV[3]`). So one clock that is set
///    forward deletes no denial early.
#[cfg(feature = "deny-list")]
pub(crate) const PUBLISH_DENIAL: &str = "local id = redis.call('XADD', KEYS[1], '*', 'denial', ARGV[1])
     redis.call('ZADD', KEYS[2], ARGV[2], id)
     local past = math.min(redis.call('TIME')[1], ARGV[3]) - ARGV[4]
     local expired = redis.call('ZRANGE', KEYS[2], '-inf', past, 'BYSCORE', 'LIMIT', 0, 100)
     if #expired > 0 then
         redis.call('XDEL', KEYS[1], unpack(expired))
         redis.call('ZREM', KEYS[2], unpack(expired))
     end
     return id";

/// Returns the command that runs the script `source` on the Redis keys `keys`. The caller adds
/// the arguments (`ARGV`).
pub(crate) fn script(source: &str, keys: &[&str]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(source).arg(keys.len()).arg(keys);
    command
}

#[cfg(test)]
mod tests;
