//! Where a client secret lives and how it is read.
//!
//! A [`SecretRef`] says where (`env:PAYROLL_SECRET`, `file:/run/secrets/payroll`); a [`SecretProvider`] knows how to
//! read one kind of reference; a [`SecretSource`] is the two together, ready to be read again and again, because a
//! secret is rotated while the service runs.

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

/// A client secret. Wiped from memory when dropped; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret in.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(SecretString::from(secret.into()))
    }

    /// The secret itself. Mind where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// A short hash, to see in a log whether a secret has changed.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose().as_bytes())
    }

    /// Returns what is unusual about the secret, such as blanks or quotes around it.
    ///
    /// Each item is the end of a sentence about the secret ("ends with a blank or tab"). None shows
    /// any part of it. Empty for most secrets, and for private keys in PEM.
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
