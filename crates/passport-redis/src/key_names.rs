//! The names of the keys and of the channel in Redis.

use std::fmt::Write;

use passport_outbound::TokenKey;

/// The Redis keys of one token. All of these keys contain the same hash tag (the text in
/// braces), so that a Cluster keeps these keys in one slot.
pub(crate) struct TokenKeys {
    /// The Redis key of the encrypted token.
    pub(crate) token: String,
    /// The Redis key of the lease. The value at this key names the instance that fetches the token.
    pub(crate) lease: String,
    /// The Redis keys that a probe writes. A probe does not write `token` and `lease`, so it
    /// changes neither the token nor the lease.
    pub(crate) probes: [String; 2],
}

impl TokenKeys {
    /// Returns the Redis keys of the token that the cache identifies by `key`.
    pub(crate) fn new(namespace: &str, key: &TokenKey) -> Self {
        let tag = escaped(&key.to_string());
        let name = |suffix| format!("{namespace}:{{{tag}}}:{suffix}");
        Self { token: name("token"), lease: name("lease"), probes: [name("probe"), name("probe-lease")] }
    }
}

/// Returns the name of the pub/sub channel on which instances notify each other of new tokens.
pub(crate) fn channel(namespace: &str) -> String {
    format!("{namespace}:news")
}

/// The Redis keys of a deny list. Both contain the same hash tag, so that a Cluster keeps them in
/// one slot.
#[cfg(feature = "deny-list")]
#[derive(Debug)]
pub(crate) struct DenyListKeys {
    /// The Redis key of the stream of the encrypted denials.
    pub(crate) denials: String,
    /// The Redis key of the sorted set of the ids in the stream, by their times of expiry.
    pub(crate) expiries: String,
}

#[cfg(feature = "deny-list")]
impl DenyListKeys {
    pub(crate) fn new(namespace: &str) -> Self {
        let name = |suffix| format!("{namespace}:{{deny-list}}:{suffix}");
        Self { denials: name("denials"), expiries: name("expiries") }
    }
}

/// Percent-encodes `text`, which contains a client id. A client id can contain blanks, and
/// braces, which would end the hash tag.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._:".contains(&byte) {
            escaped.push(byte.into());
        } else {
            // Writing to a String does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

#[cfg(test)]
mod tests;
