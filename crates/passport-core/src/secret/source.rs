use std::sync::Arc;

use super::{
    EnvSecrets, FileSecrets, ResolvedSecret, Secret, SecretError, SecretProvider, SecretRef, env, file,
    first_of::FirstOf, provider::DynSecretProvider,
};

/// A secret's place together with the provider that reads it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SecretSource {
    provider: Arc<dyn DynSecretProvider>,
    reference: SecretRef,
}

impl SecretSource {
    /// The secret behind `reference`, read by `provider`.
    #[must_use]
    pub fn new(provider: impl SecretProvider, reference: SecretRef) -> Self {
        Self::of(Arc::new(provider), reference)
    }

    pub(super) fn of(provider: Arc<dyn DynSecretProvider>, reference: SecretRef) -> Self {
        Self { provider, reference }
    }

    /// Where the secret is.
    #[must_use]
    pub fn reference(&self) -> &SecretRef {
        &self.reference
    }

    /// The environment variable `name`, read at each use.
    #[must_use]
    pub fn env(name: impl Into<String>) -> Self {
        Self::new(EnvSecrets, SecretRef::of(env::SCHEME, name.into()))
    }

    /// The content of the file at `path`, read at each use.
    #[must_use]
    pub fn file(path: impl Into<String>) -> Self {
        Self::new(FileSecrets, SecretRef::of(file::SCHEME, path.into()))
    }

    /// A secret that never changes. For tests and tools; a deployed service has a reference.
    #[must_use]
    pub fn from_value(secret: impl Into<Secret>) -> Self {
        Self::new(FixedSecret(secret.into()), SecretRef::of("fixed", "value".to_owned()))
    }

    /// This secret, or `other` where this one cannot be read, for whatever reason: a vault, and a file for when there is none. If
    /// this one takes longer than 2 s, the other is asked beside it, and the first that answers is taken.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let reference = self.reference.clone();
        Self::new(FirstOf { first: self, second: other }, reference)
    }

    /// Reads the secret as it is now, without line breaks at its end.
    ///
    /// # Errors
    /// The provider's error; [`SecretErrorKind::Empty`](super::SecretErrorKind::Empty) when the
    /// secret is empty or holds only blanks.
    pub async fn resolve(&self) -> Result<ResolvedSecret, SecretError> {
        self.provider.resolve_dyn(&self.reference).await?.non_blank(&self.reference)
    }

    /// The same, past whatever the provider keeps: `refused` was read last, and has been refused.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn refresh(&self, refused: &ResolvedSecret) -> Result<ResolvedSecret, SecretError> {
        let resolved = self.provider.refresh_dyn(&self.reference, refused).await?;
        resolved.non_blank(&self.reference)
    }
}

#[derive(Debug)]
struct FixedSecret(Secret);

impl SecretProvider for FixedSecret {
    async fn resolve(&self, _reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        Ok(ResolvedSecret::new(self.0.clone()))
    }
}

#[cfg(test)]
mod tests;
