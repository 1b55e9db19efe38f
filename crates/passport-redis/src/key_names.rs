//! The names of keys and channels in Redis.

use std::fmt::Write;

use passport_outbound::TokenKey;

/// The keys of one token. They share the text in braces, so that a Cluster keeps them in one slot.
pub(crate) struct TokenKeys {
    pub(crate) token: String,
    pub(crate) lease: String,
    /// The keys that a probe writes instead of token and lease.
    pub(crate) probes: [String; 2],
}

impl TokenKeys {
    pub(crate) fn new(namespace: &str, key: &TokenKey) -> Self {
        let tag = escaped(&key.to_string());
        let name = |what| format!("{namespace}:{{{tag}}}:{what}");
        Self { token: name("token"), lease: name("lease"), probes: [name("probe"), name("probe-lease")] }
    }
}

/// Returns the channel of notifications.
pub(crate) fn channel(namespace: &str) -> String {
    format!("{namespace}:news")
}

/// Percent-encodes a text: a client id may hold braces and blanks.
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
