//! Where a client secret lives and how it is read.
//!
//! A [`SecretRef`] says where (`env:PAYROLL_SECRET`, `file:/run/secrets/payroll`); a [`SecretProvider`] knows how to
//! read one kind of reference; a [`SecretSource`] is the two together, ready to be read again and again, because a
//! secret is rotated while the service runs.

mod env;
mod file;

use std::{fmt, future::Future, pin::Pin, str::FromStr, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

use crate::Fingerprint;

pub use self::{env::EnvSecrets, file::FileSecrets};

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

/// Where a secret lives: `scheme:place`, where the scheme names the provider.
///
/// ```
/// use passport_core::SecretRef;
///
/// let reference: SecretRef = "env:PAYROLL_SECRET".parse()?;
/// assert_eq!((reference.scheme(), reference.place()), ("env", "PAYROLL_SECRET"));
/// # Ok::<(), passport_core::InvalidSecretRef>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretRef {
    scheme: String,
    place: String,
}

impl SecretRef {
    /// The part before the colon, in lower case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The part behind the colon.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    fn of(scheme: &str, place: String) -> Self {
        Self { scheme: scheme.to_owned(), place }
    }
}

impl FromStr for SecretRef {
    type Err = InvalidSecretRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, place) = text.split_once(':').ok_or(InvalidSecretRef)?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char));
        if !is_scheme || place.is_empty() {
            return Err(InvalidSecretRef);
        }
        Ok(Self::of(&scheme.to_ascii_lowercase(), place.to_owned()))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.place)
    }
}

/// A text that is no [`SecretRef`]. It is not quoted: people paste the secret itself where its reference belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a secret reference: expected env:NAME or file:/path (the text is not shown, in case it is the secret itself)"
)]
pub struct InvalidSecretRef;

/// A secret as its provider gave it.
#[derive(Clone, Debug)]
pub struct ResolvedSecret {
    secret: Secret,
    version: String,
}

impl ResolvedSecret {
    /// A secret whose provider knows no versions; a fingerprint stands in for one.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        let version = secret.fingerprint().to_string();
        Self { secret, version }
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Something that changes when the secret does, fit for logs.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// Reads secrets of one kind of reference.
pub trait SecretProvider: fmt::Debug + Send + Sync + 'static {
    /// Reads the secret behind `reference` as it is now.
    ///
    /// # Errors
    /// A [`SecretError`] that names the reference and what to do, never the value.
    fn resolve(
        &self,
        reference: &SecretRef,
    ) -> impl Future<Output = Result<ResolvedSecret, SecretError>> + Send;
}

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
        Self { provider: Arc::new(provider), reference }
    }

    /// The environment variable `name`, read at each use.
    #[must_use]
    pub fn env(name: impl Into<String>) -> Self {
        Self::new(EnvSecrets, SecretRef::of(env::SCHEME, name.into()))
    }

    /// The content of the file at `path`, read at each use; line breaks at its end do not count.
    #[must_use]
    pub fn file(path: impl Into<String>) -> Self {
        Self::new(FileSecrets, SecretRef::of(file::SCHEME, path.into()))
    }

    /// A secret that never changes. For tests and tools; a deployed service has a reference.
    #[must_use]
    pub fn fixed(secret: impl Into<Secret>) -> Self {
        Self::new(FixedSecret(secret.into()), SecretRef::of("fixed", "value".to_owned()))
    }

    /// Picks the provider by the reference's scheme: `env:` or `file:`.
    ///
    /// # Errors
    /// When no built-in provider has that scheme; use [`SecretSource::new`] with a provider of your own then.
    pub fn from_reference(reference: SecretRef) -> Result<Self, SecretError> {
        match reference.scheme() {
            env::SCHEME => Ok(Self::new(EnvSecrets, reference)),
            file::SCHEME => Ok(Self::new(FileSecrets, reference)),
            _ => Err(SecretError::new(
                SecretErrorKind::UnknownScheme,
                reference,
                "the built-in schemes are env: and file:; bring a SecretProvider for others",
            )),
        }
    }

    /// Reads the secret as it is now.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn resolve(&self) -> Result<ResolvedSecret, SecretError> {
        let resolved = self.provider.resolve_dyn(&self.reference).await?;
        if resolved.secret().expose().is_empty() {
            return Err(SecretError::new(
                SecretErrorKind::Empty,
                self.reference.clone(),
                "it is there but holds nothing",
            ));
        }
        Ok(resolved)
    }
}

#[derive(Debug)]
struct FixedSecret(Secret);

impl SecretProvider for FixedSecret {
    async fn resolve(&self, _reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        Ok(ResolvedSecret::new(self.0.clone()))
    }
}

/// The object-safe twin of [`SecretProvider`], so that users write an `async fn` and nobody sees a box.
trait DynSecretProvider: fmt::Debug + Send + Sync {
    fn resolve_dyn<'a>(&'a self, reference: &'a SecretRef) -> ResolveFuture<'a>;
}

type ResolveFuture<'a> = Pin<Box<dyn Future<Output = Result<ResolvedSecret, SecretError>> + Send + 'a>>;

impl<P: SecretProvider> DynSecretProvider for P {
    fn resolve_dyn<'a>(&'a self, reference: &'a SecretRef) -> ResolveFuture<'a> {
        Box::pin(self.resolve(reference))
    }
}

/// A secret that could not be read. Names the reference and the remedy, never the value.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the secret behind `{reference}` could not be read: {reason}")]
pub struct SecretError {
    kind: SecretErrorKind,
    reference: SecretRef,
    reason: String,
}

/// What kind of thing went wrong with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretErrorKind {
    /// It is there but holds nothing.
    Empty,
    /// Nothing is at that place.
    NotFound,
    /// No provider for the reference's scheme.
    UnknownScheme,
    /// The place is there but cannot be read.
    Unreadable,
}

impl SecretError {
    /// An error of `kind`; `reason` must not hold the secret.
    #[must_use]
    pub fn new(kind: SecretErrorKind, reference: SecretRef, reason: impl Into<String>) -> Self {
        Self { kind, reference, reason: reason.into() }
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> SecretErrorKind {
        self.kind
    }

    /// The reference that was to be read.
    #[must_use]
    pub fn reference(&self) -> &SecretRef {
        &self.reference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_pasted_as_a_reference_is_not_echoed() {
        let error = "mics_sk_abcdefghijklmnopqrstuvwx".parse::<SecretRef>().unwrap_err();
        assert!(!error.to_string().contains("abcdef"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let source = SecretSource::fixed("mics_sk_hidden");
        let resolved = ResolvedSecret::new(Secret::new("mics_sk_hidden"));
        assert!(!format!("{source:?} {resolved:?}").contains("hidden"));
    }

    #[tokio::test]
    async fn an_empty_secret_is_an_error() {
        let error = SecretSource::fixed("").resolve().await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::Empty);
    }

    #[test]
    fn a_scheme_without_a_provider_is_named() {
        let reference = "vault:kv/payroll".parse().unwrap();
        let error = SecretSource::from_reference(reference).unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::UnknownScheme);
        assert!(error.to_string().contains("`vault:kv/payroll`"));
    }
}
