use std::env;

use super::{ResolvedSecret, Secret, SecretError, SecretErrorKind, SecretProvider, SecretRef};

pub(super) const SCHEME: &str = "env";

/// The provider for references `env:NAME`. It reads the environment variable `NAME` of this
/// process.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvSecrets;

impl SecretProvider for EnvSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        match env::var(reference.path()) {
            Ok(value) => Ok(ResolvedSecret::new(Secret::new(value))),
            Err(env::VarError::NotPresent) => Err(SecretError::new(
                SecretErrorKind::NotFound,
                reference.clone(),
                "the environment variable is not set",
            )),
            Err(env::VarError::NotUnicode(_)) => Err(SecretError::new(
                SecretErrorKind::Unreadable,
                reference.clone(),
                "the environment variable is not UTF-8; set it to UTF-8 text",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
