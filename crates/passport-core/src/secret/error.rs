use std::sync::Arc;

use super::SecretRef;

/// A secret that could not be read. Names the reference and the remedy, never the value.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the secret behind `{reference}` could not be read: {reason}")]
pub struct SecretError {
    kind: SecretErrorKind,
    reference: SecretRef,
    reason: String,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
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
        Self { kind, reference, reason: reason.into(), source: None }
    }

    /// The same, with what caused it. Mind that the cause is printed: it must not hold the secret.
    #[must_use]
    pub fn caused_by(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
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
