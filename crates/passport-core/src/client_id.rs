use std::{fmt, str::FromStr};

/// The OAuth2 client id of a managed identity, for example `mi-payroll-scheduler-clientid`.
///
/// Passport documents several formats of client ids. Therefore every text is accepted that
/// - consists of printable ASCII characters, as in [RFC 6749, appendix
///   A.1](https://www.rfc-editor.org/rfc/rfc6749#appendix-A.1),
/// - has 1 to 256 bytes, and
/// - neither begins nor ends with a space.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

/// The maximum length of a client id, in bytes. A longer client id is not valid.
const MAX_LEN: usize = 256;

impl ClientId {
    /// Returns the client id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidClientId("it must not be empty"));
        }
        if text.len() > MAX_LEN {
            return Err(InvalidClientId("it must not be longer than 256 bytes"));
        }
        if text.trim() != text {
            return Err(InvalidClientId("it must not begin or end with whitespace"));
        }
        if !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
            return Err(InvalidClientId("only printable ASCII is allowed (RFC 6749, appendix A.1)"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The error of a text that is not a [`ClientId`]. `Display` and `Debug` are the same message.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid client id: {0}")]
pub struct InvalidClientId(&'static str);

/// Prints the same message as `Display`, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for InvalidClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
