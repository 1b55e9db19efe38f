use std::{fmt, str::FromStr};

/// The OAuth2 client id of a managed identity, for example `mi-payroll-scheduler-clientid`.
///
/// An opaque string: Passport documents several shapes, so none is assumed beyond the characters that
/// [RFC 6749, appendix A.1](https://www.rfc-editor.org/rfc/rfc6749#appendix-A.1) allows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

/// The longest client id that is accepted, in bytes.
const MAX_LEN: usize = 256;

impl ClientId {
    /// The client id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidClientId("it is empty"));
        }
        if text.len() > MAX_LEN {
            return Err(InvalidClientId("it is longer than 256 bytes"));
        }
        if text.trim() != text {
            return Err(InvalidClientId("it starts or ends with a blank"));
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

/// A text that cannot be a [`ClientId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a client id: {0}")]
pub struct InvalidClientId(&'static str);

#[cfg(test)]
mod tests;
