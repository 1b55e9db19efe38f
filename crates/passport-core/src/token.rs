use std::{fmt, time::SystemTime};

use http::HeaderValue;

use crate::Fingerprint;

/// An OAuth2 access token, stored as the value of an `Authorization: Bearer` header.
///
/// The header value is built once and is marked sensitive. Cloning the header value for a
/// request only increments a reference count. `Debug` shows a fingerprint, never the token.
#[derive(Clone)]
pub struct AccessToken {
    authorization: HeaderValue,
    expires_at: SystemTime,
}

const SCHEME: &str = "Bearer ";

impl AccessToken {
    /// Creates a token that expires at `expires_at`.
    ///
    /// # Errors
    /// When `token` is empty or contains a character that is not allowed in bearer tokens
    /// ([RFC 6750, section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)), such as a
    /// line break.
    pub fn new(token: &str, expires_at: SystemTime) -> Result<Self, InvalidAccessToken> {
        if token.is_empty() || !token.bytes().all(is_token_byte) {
            return Err(InvalidAccessToken);
        }
        let mut authorization =
            HeaderValue::from_str(&[SCHEME, token].concat()).map_err(|_| InvalidAccessToken)?;
        authorization.set_sensitive(true);
        Ok(Self { authorization, expires_at })
    }

    /// Returns the value of the `Authorization` header, marked sensitive.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// Returns the token without the scheme `Bearer`. Do not log the token: until it expires,
    /// anyone who has the token can act as the token's subject.
    #[must_use]
    pub fn expose(&self) -> &str {
        // `new` accepts only ASCII, so neither of these conversions can fail.
        self.authorization.to_str().unwrap_or_default().strip_prefix(SCHEME).unwrap_or_default()
    }

    /// Returns the time at which the token expires, according to this machine's clock.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// Returns a short hash of the token, which is safe to log.
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

/// The error of a text that is not a bearer token. `Display` and `Debug` are the same message.
/// The message does not contain the text, because it can be a secret.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid bearer token: it is empty or contains a character that RFC 6750, section 2.1 does not allow"
)]
pub struct InvalidAccessToken;

/// Prints the same message as `Display`, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for InvalidAccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
