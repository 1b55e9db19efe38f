use std::{any::Any, fmt, future::Future, pin::Pin, time::SystemTime};

use super::{Secret, SecretError, SecretErrorKind, SecretRef, warnings};

/// A provider that reads the secrets of one kind of reference.
///
/// Implement this trait to read secrets from a store of your own. Pass the provider to
/// [`SecretSource::new`](super::SecretSource::new), or register it in
/// [`SecretProviders`](super::SecretProviders). The crate documentation has an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a secret provider",
    label = "expected a type that implements `SecretProvider`, such as `EnvSecrets` or `FileSecrets`"
)]
pub trait SecretProvider: fmt::Debug + Send + Sync + 'static {
    /// Reads the current value of the secret at `reference`.
    ///
    /// # Errors
    /// A [`SecretError`] that names the reference and the remedy, never the value of the secret. A
    /// cache of secrets continues to use the last value that was read, unless the error [is
    /// definitive](SecretError::is_definitive).
    fn resolve(
        &self,
        reference: &SecretRef,
    ) -> impl Future<Output = Result<ResolvedSecret, SecretError>> + Send;

    /// Reads the secret again without using a cache, because a server has rejected `rejected`, the
    /// value that was read last.
    ///
    /// Defaults to [`resolve`](Self::resolve). A provider that caches secrets must bypass its
    /// cache. A provider that wraps another provider must call `refresh` of the wrapped provider.
    ///
    /// # Errors
    /// The errors of [`resolve`](Self::resolve).
    fn refresh(
        &self,
        reference: &SecretRef,
        rejected: &ResolvedSecret,
    ) -> impl Future<Output = Result<ResolvedSecret, SecretError>> + Send {
        let _ = rejected;
        self.resolve(reference)
    }
}

/// A secret that a provider has read, with its version and its expiry.
#[derive(Clone, Debug)]
pub struct ResolvedSecret {
    secret: Secret,
    version: String,
    expires_at: Option<SystemTime>,
}

impl ResolvedSecret {
    /// Creates a resolved secret. Its version is its fingerprint, unless
    /// [`with_version`](Self::with_version) sets another version.
    ///
    /// Line breaks at the end of `secret` are removed, because `echo`, editors and
    /// `vault kv put f=@file` add line breaks. Since all providers return a `ResolvedSecret`, they
    /// need no code for this.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        let bare = warnings::without_line_breaks_at_end(secret.expose());
        let secret = if bare.len() < secret.expose().len() { Secret::new(bare) } else { secret };
        let version = secret.fingerprint().to_string();
        Self { secret, version, expires_at: None }
    }

    /// Sets the version that the provider returned. The version is logged, so it must not contain
    /// any part of the secret. Defaults to the fingerprint of the secret.
    #[must_use]
    pub fn with_version(self, version: impl Into<String>) -> Self {
        Self { version: version.into(), ..self }
    }

    /// Sets the time at which the secret expires, as returned by the provider. Defaults to none.
    #[must_use]
    pub fn with_expiry(self, time: SystemTime) -> Self {
        Self { expires_at: Some(time), ..self }
    }

    /// Returns `self` if the secret is neither empty nor only whitespace.
    ///
    /// # Errors
    /// [`SecretErrorKind::Empty`], with `reference` in the message, when the secret is empty or
    /// contains only whitespace.
    pub fn non_blank(self, reference: &SecretRef) -> Result<Self, SecretError> {
        let text = self.secret.expose();
        let reason = match text {
            "" => "the value is empty; store the secret there",
            _ if warnings::is_blank(text) => "the value contains only whitespace; store the secret there",
            _ => return Ok(self),
        };
        Err(SecretError::new(SecretErrorKind::Empty, reference.clone(), reason))
    }

    /// Returns the secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns whether the secret of `other` has the same value as this secret. Versions are not
    /// compared.
    #[must_use]
    pub fn has_same_secret(&self, other: &Self) -> bool {
        self.secret.expose() == other.secret.expose()
    }

    /// Returns the version, which changes when the secret changes. The version is safe to log.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the time at which the secret expires, or `None` if the provider did not return this
    /// time. The time is only informative: an expired secret is still used, and Passport decides
    /// whether the secret is valid.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }
}

/// The object-safe form of [`SecretProvider`]. A separate trait is necessary because
/// [`SecretProvider`] can be implemented with `async fn`, and so is not object-safe.
pub(super) trait DynSecretProvider: Any + fmt::Debug + Send + Sync {
    fn resolve_dyn<'a>(&'a self, reference: &'a SecretRef) -> ResolveFuture<'a>;
    fn refresh_dyn<'a>(&'a self, reference: &'a SecretRef, rejected: &'a ResolvedSecret)
    -> ResolveFuture<'a>;
}

pub(super) type ResolveFuture<'a> =
    Pin<Box<dyn Future<Output = Result<ResolvedSecret, SecretError>> + Send + 'a>>;

impl<P: SecretProvider> DynSecretProvider for P {
    fn resolve_dyn<'a>(&'a self, reference: &'a SecretRef) -> ResolveFuture<'a> {
        Box::pin(self.resolve(reference))
    }

    fn refresh_dyn<'a>(
        &'a self,
        reference: &'a SecretRef,
        rejected: &'a ResolvedSecret,
    ) -> ResolveFuture<'a> {
        Box::pin(self.refresh(reference, rejected))
    }
}

#[cfg(test)]
mod tests;
