//! Secrets, references to them, and the providers that read them.
//!
//! A [`SecretRef`] such as `env:PAYROLL_SECRET` or `file:/run/secrets/payroll` says where a
//! secret is stored. A [`SecretProvider`] reads the secrets of one kind of reference. A
//! [`SecretSource`] combines a reference with the provider that reads the secret. The source
//! reads the secret at each use, because secrets are rotated while a service runs.

mod env;
mod error;
mod file;
mod first_of;
mod provider;
mod providers;
mod reference;
mod source;
mod systemd;
mod warnings;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::Fingerprint;

pub use self::{
    env::EnvSecrets,
    error::{SecretError, SecretErrorKind},
    file::FileSecrets,
    provider::{ResolvedSecret, SecretProvider},
    providers::{InvalidSecretSource, SecretProviders},
    reference::{InvalidSecretRef, SecretRef},
    source::SecretSource,
    systemd::SystemdCredentials,
};

/// A secret, for example a client secret or a private key.
///
/// The memory of the secret is zeroed when the secret is dropped. `Debug` does not show the
/// value.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Creates a secret from its text.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(SecretString::from(secret.into()))
    }

    /// Returns the text of the secret. Do not log the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns a short hash of the secret. Logs contain this hash, to show whether the secret has
    /// changed.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose().as_bytes())
    }

    /// Returns warnings about unusual characters, such as spaces or quotes around the secret.
    ///
    /// Each item completes the sentence "the secret ..", for example "ends with a space or tab",
    /// and contains no part of the secret. The list is empty for most secrets, and for all private
    /// keys in PEM.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        warnings::of(self.expose())
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self::new(secret)
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self::new(secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

#[cfg(test)]
mod tests;
