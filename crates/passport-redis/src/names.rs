//! What things are called in Redis.

use std::fmt::Write;

use passport_outbound::TokenKey;

/// The names that belong to one token. They share what stands in braces, so that a Cluster keeps them in one place.
pub(crate) struct Names {
    pub(crate) token: String,
    pub(crate) lease: String,
    /// What is written to see whether it can be, in the place of token and lease.
    pub(crate) probes: [String; 2],
}

impl Names {
    pub(crate) fn new(namespace: &str, key: &TokenKey) -> Self {
        let tag = escaped(&key.to_string());
        let name = |what| format!("{namespace}:{{{tag}}}:{what}");
        Self { token: name("token"), lease: name("lease"), probes: [name("probe"), name("probe-lease")] }
    }
}

/// The channel of news.
pub(crate) fn channel(namespace: &str) -> String {
    format!("{namespace}:news")
}

/// A client id may hold braces and blanks.
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
mod tests {
    use super::*;

    #[test]
    fn whatever_a_client_id_holds_the_braces_are_ours() {
        assert_eq!(escaped("mi-1:0a"), "mi-1:0a");
        assert_eq!(escaped("}{ a%"), "%7D%7B%20a%25");
    }
}
