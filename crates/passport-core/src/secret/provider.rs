use std::{fmt, future::Future, pin::Pin, time::SystemTime};

use super::{Secret, SecretError, SecretErrorKind, SecretRef, warnings};

/// Reads secrets of one kind of reference.
pub trait SecretProvider: fmt::Debug + Send + Sync + 'static {
    /// Reads the secret behind `reference` as it is now.
    ///
    /// # Errors
    /// A [`SecretError`] that names the reference and what to do, never the value. Its kind matters to whoever keeps secrets: those
    /// that [end a secret](SecretError::is_definitive) say that what was read before does not count any more.
    fn resolve(
        &self,
        reference: &SecretRef,
    ) -> impl Future<Output = Result<ResolvedSecret, SecretError>> + Send;

    /// The same, past whatever is kept: `refused` was read last, and has been refused. By default a [`resolve`](Self::resolve);
    /// a provider around another one hands it on.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    fn refresh(
        &self,
        reference: &SecretRef,
        refused: &ResolvedSecret,
    ) -> impl Future<Output = Result<ResolvedSecret, SecretError>> + Send {
        let _ = refused;
        self.resolve(reference)
    }
}

/// A secret as its provider gave it.
#[derive(Clone, Debug)]
pub struct ResolvedSecret {
    secret: Secret,
    version: String,
    expires_at: Option<SystemTime>,
}

impl ResolvedSecret {
    /// Creates a secret whose provider knows no versions; its fingerprint is its version.
    ///
    /// Line breaks at its end are removed: `echo`, editors and `vault kv put f=@file` add them.
    /// This is the one place where that happens, for the secrets of all providers.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        let bare = warnings::without_line_breaks_at_end(secret.expose());
        let secret = if bare.len() < secret.expose().len() { Secret::new(bare) } else { secret };
        let version = secret.fingerprint().to_string();
        Self { secret, version, expires_at: None }
    }

    /// The same, with the version that the provider gave. It is logged, so it must tell nothing of the secret.
    #[must_use]
    pub fn with_version(self, version: impl Into<String>) -> Self {
        Self { version: version.into(), ..self }
    }

    /// The same, of which the provider says that it ends at `time`.
    #[must_use]
    pub fn with_expiry(self, time: SystemTime) -> Self {
        Self { expires_at: Some(time), ..self }
    }

    /// Returns the secret unless it is empty or consists of blanks.
    ///
    /// # Errors
    /// [`SecretErrorKind::Empty`], which names `reference`.
    pub fn non_blank(self, reference: &SecretRef) -> Result<Self, SecretError> {
        let text = self.secret.expose();
        let reason = match text {
            "" => "it exists, but is empty; store the secret there",
            _ if warnings::is_blank(text) => "it exists, but holds only blanks; store the secret there",
            _ => return Ok(self),
        };
        Err(SecretError::new(SecretErrorKind::Empty, reference.clone(), reason))
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Whether `other` is the same secret, whatever their versions.
    #[must_use]
    pub fn has_same_secret(&self, other: &Self) -> bool {
        self.secret.expose() == other.secret.expose()
    }

    /// Something that changes when the secret does, fit for logs.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// When the secret ends, if its provider says so. Nobody is kept from using it: whether it still counts is Passport's to say.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }
}

/// The object-safe twin of [`SecretProvider`], so that users write an `async fn` and nobody sees a box.
pub(super) trait DynSecretProvider: fmt::Debug + Send + Sync {
    fn resolve_dyn<'a>(&'a self, reference: &'a SecretRef) -> ResolveFuture<'a>;
    fn refresh_dyn<'a>(&'a self, reference: &'a SecretRef, refused: &'a ResolvedSecret) -> ResolveFuture<'a>;
}

pub(super) type ResolveFuture<'a> =
    Pin<Box<dyn Future<Output = Result<ResolvedSecret, SecretError>> + Send + 'a>>;

impl<P: SecretProvider> DynSecretProvider for P {
    fn resolve_dyn<'a>(&'a self, reference: &'a SecretRef) -> ResolveFuture<'a> {
        Box::pin(self.resolve(reference))
    }

    fn refresh_dyn<'a>(&'a self, reference: &'a SecretRef, refused: &'a ResolvedSecret) -> ResolveFuture<'a> {
        Box::pin(self.refresh(reference, refused))
    }
}

#[cfg(test)]
mod tests;
