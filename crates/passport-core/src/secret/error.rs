use std::{sync::Arc, time::Duration};

use super::SecretRef;
use crate::TlsFailure;

/// A secret that could not be read. Names the reference and the remedy, never the value.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the secret behind `{reference}` could not be read: {reason}")]
pub struct SecretError {
    kind: SecretErrorKind,
    reference: SecretRef,
    reason: String,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What kind of thing went wrong with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretErrorKind {
    /// It is there but was disabled.
    Disabled,
    /// It is there but holds nothing, or only blanks.
    Empty,
    /// The provider does not let us read it.
    Forbidden,
    /// Nothing is at that place.
    NotFound,
    /// The provider wants to be asked less often.
    Throttled,
    /// No TLS session with the provider: its certificate is not trusted, or this machine has no
    /// root certificates, for example. This does not pass by itself, and says nothing about the
    /// secret.
    Tls(TlsFailure),
    /// The provider does not know us: our own credential for it is missing, or is refused. Of the secret this says nothing.
    Unauthenticated,
    /// The provider cannot be reached, or has failed.
    Unavailable,
    /// The place is there but cannot be read.
    Unreadable,
}

impl SecretError {
    /// An error of `kind`; `reason` must not hold the secret.
    #[must_use]
    pub fn new(kind: SecretErrorKind, reference: SecretRef, reason: impl Into<String>) -> Self {
        Self { kind, reference, reason: reason.into(), retry_after: None, source: None }
    }

    /// The same, from a provider that asks to be left alone for `time`.
    #[must_use]
    pub fn with_retry_after(self, time: Duration) -> Self {
        Self { retry_after: Some(time), ..self }
    }

    /// The same, with what caused it. Mind that the cause is printed: it must not hold the secret.
    #[must_use]
    pub fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> SecretErrorKind {
        self.kind
    }

    /// This, with the reason why another source had none either.
    pub(super) fn and(self, other: &Self) -> Self {
        // A secret has ended only if both say so.
        let says_more = other.is_transient() || (self.is_definitive() && !other.is_definitive());
        let kind = if says_more { other.kind } else { self.kind };
        let retry_after = self.retry_after.or(other.retry_after);
        Self { kind, reason: format!("{}; {other}", self.reason), retry_after, ..self }
    }

    /// Whether the provider says that there is no such secret (any more), or not for us: what was read before does not count
    /// then. Of any other failure that cannot be said.
    #[must_use]
    pub fn is_definitive(&self) -> bool {
        matches!(
            self.kind,
            SecretErrorKind::NotFound | SecretErrorKind::Disabled | SecretErrorKind::Forbidden
        )
    }

    /// Whether it may pass by itself.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, SecretErrorKind::Throttled | SecretErrorKind::Unavailable)
    }

    /// For how long the provider asked to be left alone, if it did.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The reference that was to be read.
    #[must_use]
    pub fn reference(&self) -> &SecretRef {
        &self.reference
    }
}
