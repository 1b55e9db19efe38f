//! The Lua scripts that run in Redis, each of which is atomic. A script is sent in full: it is
//! shorter than a token, and needs no cache of scripts that a restart could empty.
//!
//! `KEYS[1]` is the key of the token, `KEYS[2]` that of its lease. Other programs may have written
//! there, so a value of another type is replaced and is no error.

/// The longest value that the store writes.
pub(crate) const MAX_VALUE: usize = 64 * 1024;

/// Reads a value up to one byte more than the longest valid one, so that a longer value is noticed.
macro_rules! value {
    () => {
        "local value = redis.pcall('GETRANGE', KEYS[1], 0, 65536)
         if type(value) == 'table' then value = '?' end
        "
    };
}

macro_rules! owner {
    () => {
        "local owner = redis.pcall('GET', KEYS[2])
         if type(owner) == 'table' then redis.call('UNLINK', KEYS[2]); owner = false end
        "
    };
}

/// Returns the value, and how many milliseconds it will be kept.
pub(crate) const READ: &str = concat!(value!(), "return {value, redis.call('PTTL', KEYS[1])}");

/// Takes or extends the lease of `ARGV[1]`, to `ARGV[2]` milliseconds from now. Returns whether it
/// did, how long the lease lasts, and what [`READ`] returns. A lease that another program has made
/// longer is shortened.
pub(crate) const LEASE: &str = concat!(
    owner!(),
    value!(),
    "local granted = (not owner or owner == ARGV[1]) and 1 or 0
     local left = redis.call('PTTL', KEYS[2])
     if granted == 1 then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
     elseif left < 0 or left > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
     return {granted, redis.call('PTTL', KEYS[2]), value, redis.call('PTTL', KEYS[1])}"
);

/// Ends the lease of `ARGV[1]`; stores `ARGV[2]` for `ARGV[3]` milliseconds, unless the present
/// value is kept for longer; publishes `ARGV[5]` on the channel `ARGV[4]`. The notification is sent
/// even if the value cannot be stored, and the value is stored even if the notification cannot be
/// sent.
pub(crate) const PUBLISH: &str = concat!(
    owner!(),
    "if owner == ARGV[1] then redis.call('UNLINK', KEYS[2]) end
     local kept = 0
     if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then kept = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
     redis.pcall('PUBLISH', ARGV[4], ARGV[5])
     return kept"
);

/// Ends the lease of `ARGV[1]`, if it has one, and publishes `ARGV[3]` on the channel `ARGV[2]`.
pub(crate) const RELEASE: &str = concat!(
    owner!(),
    "if owner ~= ARGV[1] then return 0 end
     redis.call('UNLINK', KEYS[2])
     redis.pcall('PUBLISH', ARGV[2], ARGV[3])
     return 1"
);

/// Removes the value if it has `ARGV[1]` at the positions `ARGV[2]` to `ARGV[3]`.
pub(crate) const REMOVE: &str = concat!(
    value!(),
    "if string.sub(value, ARGV[2], ARGV[3]) ~= ARGV[1] then return 0 end
     return redis.call('UNLINK', KEYS[1])"
);

/// Removes the value if it is `ARGV[1]`.
pub(crate) const CLEAR: &str = concat!(
    value!(),
    "if value ~= ARGV[1] then return 0 end
     return redis.call('UNLINK', KEYS[1])"
);

#[cfg(test)]
mod tests;
