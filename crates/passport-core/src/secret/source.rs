use std::{any::Any, sync::Arc};

use super::{
    EnvSecrets, FileSecrets, ResolvedSecret, Secret, SecretError, SecretProvider, SecretRef, env, file,
    first_of::FirstOf, provider::DynSecretProvider,
};

/// A reference to a secret, with the provider that reads it.
///
/// The secret is read at each use, so a rotated secret takes effect without a restart. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct SecretSource {
    provider: Arc<dyn DynSecretProvider>,
    reference: SecretRef,
}

impl SecretSource {
    /// Creates a source that reads the secret at `reference` with `provider`.
    #[must_use]
    pub fn new(provider: impl SecretProvider, reference: SecretRef) -> Self {
        Self::of(Arc::new(provider), reference)
    }

    pub(super) fn of(provider: Arc<dyn DynSecretProvider>, reference: SecretRef) -> Self {
        Self { provider, reference }
    }

    /// Returns the reference of the secret.
    #[must_use]
    pub fn reference(&self) -> &SecretRef {
        &self.reference
    }

    /// Creates a source for the environment variable `name`. The variable is read at each use.
    #[must_use]
    pub fn env(name: impl Into<String>) -> Self {
        Self::new(EnvSecrets, SecretRef::of(env::SCHEME, name.into()))
    }

    /// Creates a source for the content of the file at `path`. The file is read at each use.
    #[must_use]
    pub fn file(path: impl Into<String>) -> Self {
        Self::new(FileSecrets, SecretRef::of(file::SCHEME, path.into()))
    }

    /// Creates a source that always returns `secret`, for tests and tools. Deployed services should
    /// use a source with a reference instead, so that the secret can be rotated.
    #[must_use]
    pub fn from_value(secret: impl Into<Secret>) -> Self {
        Self::new(FixedSecret(secret.into()), SecretRef::of("fixed", "value".to_owned()))
    }

    /// Adds `other` as a fallback: if reading this source fails for any reason, `other` is read.
    /// For example, a file can be the fallback of a vault.
    ///
    /// If reading this source takes longer than 2 s, `other` is read concurrently, and the secret
    /// that is read first is used.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let reference = self.reference.clone();
        Self::new(FirstOf { first: self, second: other }, reference)
    }

    /// Reads the current value of the secret, without line breaks at its end.
    ///
    /// # Errors
    /// The error of the provider, or [`SecretErrorKind::Empty`](super::SecretErrorKind::Empty) if
    /// the secret is empty or contains only whitespace.
    pub async fn resolve(&self) -> Result<ResolvedSecret, SecretError> {
        self.provider.resolve_dyn(&self.reference).await?.non_blank(&self.reference)
    }

    /// Reads the secret again without using a cache of the provider, because a server has rejected
    /// `rejected`, the value that was read last.
    ///
    /// # Errors
    /// The errors of [`resolve`](Self::resolve).
    pub async fn refresh(&self, rejected: &ResolvedSecret) -> Result<ResolvedSecret, SecretError> {
        let resolved = self.provider.refresh_dyn(&self.reference, rejected).await?;
        resolved.non_blank(&self.reference)
    }
}

/// Two sources are equal if their references and their providers are. Providers are equal if they
/// are clones of one, or if they have no state, such as [`EnvSecrets`]. A source with a fallback is
/// equal to one with equal sources.
impl PartialEq for SecretSource {
    fn eq(&self, other: &Self) -> bool {
        self.reference == other.reference && is_same_provider(&self.provider, &other.provider)
    }
}

impl Eq for SecretSource {}

fn is_same_provider(own: &Arc<dyn DynSecretProvider>, other: &Arc<dyn DynSecretProvider>) -> bool {
    let (provider, others): (&dyn Any, &dyn Any) = (&**own, &**other);
    if let (Some(own), Some(other)) = (provider.downcast_ref::<FirstOf>(), others.downcast_ref::<FirstOf>()) {
        return own == other;
    }
    let is_stateless = size_of_val(provider) == 0 && provider.type_id() == others.type_id();
    is_stateless || Arc::ptr_eq(own, other)
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
