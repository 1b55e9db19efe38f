use std::{fmt, sync::Arc, time::Duration};

use super::SecretRef;
use crate::{TlsFailure, with_causes};

/// The error of a secret that could not be read.
///
/// The message names the reference and the remedy, never the value. `Debug` prints the message
/// and its causes.
#[derive(Clone, thiserror::Error)]
#[error("the secret behind `{reference}` could not be read: {reason}")]
pub struct SecretError {
    kind: SecretErrorKind,
    reference: SecretRef,
    reason: String,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The reason why a secret could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretErrorKind {
    /// The secret exists but is disabled.
    Disabled,
    /// The secret exists but is empty, or contains only whitespace.
    Empty,
    /// The provider denies access to the secret.
    Forbidden,
    /// The secret does not exist.
    NotFound,
    /// The provider limits the rate of requests.
    Throttled,
    /// No TLS session with the provider, for example because its certificate is not trusted or this
    /// machine has no root certificates. The failure is permanent, and independent of the secret.
    Tls(TlsFailure),
    /// The provider rejects the credential of this program, or there is none. Whether the secret
    /// exists is unknown.
    Unauthenticated,
    /// The provider is unreachable or has failed.
    Unavailable,
    /// The secret exists, or may exist, but cannot be read or decoded.
    Unreadable,
}

/// Prints the message with its causes: `main` prints the `Debug` output of an error that it
/// returns.
impl fmt::Debug for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}

impl SecretError {
    /// Creates an error. `reason` is displayed, so it must not contain the secret.
    #[must_use]
    pub fn new(kind: SecretErrorKind, reference: SecretRef, reason: impl Into<String>) -> Self {
        Self { kind, reference, reason: reason.into(), retry_after: None, source: None }
    }

    /// Sets the time after which the provider accepts the next request (`Retry-After`).
    #[must_use]
    pub fn with_retry_after(self, time: Duration) -> Self {
        Self { retry_after: Some(time), ..self }
    }

    /// Sets the cause. It is displayed, so it must not contain the secret.
    #[must_use]
    pub fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Returns the reason.
    #[must_use]
    pub fn kind(&self) -> SecretErrorKind {
        self.kind
    }

    /// Combines the error with that of a fallback source.
    pub(super) fn and(self, other: &Self) -> Self {
        // Definitive only if both are, transient if one is.
        let other_decides = other.is_transient() || (self.is_definitive() && !other.is_definitive());
        let kind = if other_decides { other.kind } else { self.kind };
        let retry_after = self.retry_after.or(other.retry_after);
        Self { kind, reason: format!("{}; {other}", self.reason), retry_after, ..self }
    }

    /// Returns whether the provider has confirmed that the secret does not exist, is disabled or
    /// must not be read by this program. A cached value must not be used then. Other failures do
    /// not affect a cached value.
    #[must_use]
    pub fn is_definitive(&self) -> bool {
        matches!(
            self.kind,
            SecretErrorKind::NotFound | SecretErrorKind::Disabled | SecretErrorKind::Forbidden
        )
    }

    /// Returns whether the failure may resolve itself, so that a retry makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, SecretErrorKind::Throttled | SecretErrorKind::Unavailable)
    }

    /// Returns the time after which the provider accepts the next request, if it named one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the reference of the secret.
    #[must_use]
    pub fn reference(&self) -> &SecretRef {
        &self.reference
    }
}
