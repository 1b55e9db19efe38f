use std::{fmt, time::SystemTime};

use http::HeaderValue;

use crate::Fingerprint;

/// A bearer token, ready to send.
///
/// The header value is built once, when the token arrives, and is marked sensitive; a request only clones it, which
/// costs a reference count. `Debug` shows a fingerprint, never the token.
#[derive(Clone)]
pub struct AccessToken {
    authorization: HeaderValue,
    expires_at: SystemTime,
}

const SCHEME: &str = "Bearer ";

impl AccessToken {
    /// A token that ends at `expires_at`.
    ///
    /// # Errors
    /// When `token` is empty or has a character that no bearer token may have
    /// ([RFC 6750, section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)), such as a line break.
    pub fn new(token: &str, expires_at: SystemTime) -> Result<Self, InvalidAccessToken> {
        if token.is_empty() || !token.bytes().all(is_token_byte) {
            return Err(InvalidAccessToken);
        }
        let mut authorization =
            HeaderValue::from_str(&[SCHEME, token].concat()).map_err(|_| InvalidAccessToken)?;
        authorization.set_sensitive(true);
        Ok(Self { authorization, expires_at })
    }

    /// The value of the `Authorization` header, marked sensitive.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// The bare token. Mind where it goes: whoever holds it is the service, until it expires.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Only ASCII is let in by `new`, so neither step can fail.
        self.authorization.to_str().unwrap_or_default().strip_prefix(SCHEME).unwrap_or_default()
    }

    /// When the token ends, by this machine's clock.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// A short hash of the token, fit for logs.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose().as_bytes())
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("fingerprint", &self.fingerprint())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A text that is no bearer token. It is not quoted here: it may be a secret all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a bearer token: it is empty or has a character that RFC 6750, section 2.1 does not allow")]
pub struct InvalidAccessToken;

#[cfg(test)]
mod tests;
