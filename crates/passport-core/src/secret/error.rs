use std::{fmt, sync::Arc, time::Duration};

use super::SecretRef;
use crate::{TlsFailure, with_causes};

/// The error of a secret that could not be read.
///
/// The message names the reference and the remedy, never the value of the secret. `Debug` prints
/// the message and its causes.
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
    /// The provider denies this program access to the secret.
    Forbidden,
    /// The secret does not exist.
    NotFound,
    /// The provider rejected the request because of its rate limit.
    Throttled,
    /// No TLS session with the provider was established, for example because the certificate of the
    /// provider is not trusted or this machine has no root certificates. The failure is permanent,
    /// and independent of the secret.
    Tls(TlsFailure),
    /// The provider rejects this program's credential, or the program has no credential. Whether
    /// the secret exists is unknown.
    Unauthenticated,
    /// The provider is unreachable or has failed.
    Unavailable,
    /// The reference is not valid for its provider, or the secret cannot be read or decoded, for
    /// example because the secret is not UTF-8.
    Unreadable,
}

/// Prints the message and its causes, because Rust prints the `Debug` output of an error that
/// `main` returns.
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

    /// Sets how long to wait before the next request, as returned by the provider (`Retry-After`).
    /// Defaults to none.
    #[must_use]
    pub fn with_retry_after(self, time: Duration) -> Self {
        Self { retry_after: Some(time), ..self }
    }

    /// Sets the cause of the error. The cause is displayed, so it must not contain the secret.
    #[must_use]
    pub fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Returns the kind of failure. It determines whether a retry makes sense
    /// ([`is_transient`](Self::is_transient)), and whether a cached value must no longer be used
    /// ([`is_definitive`](Self::is_definitive)).
    #[must_use]
    pub fn kind(&self) -> SecretErrorKind {
        self.kind
    }

    /// Combines this error with `other`, the error of the fallback source. The message contains the
    /// reasons of both errors.
    pub(super) fn and(self, other: &Self) -> Self {
        // The combined error is definitive only if both errors are definitive. It is transient if
        // at least one of the two errors is transient.
        let other_decides = other.is_transient() || (self.is_definitive() && !other.is_definitive());
        let kind = if other_decides { other.kind } else { self.kind };
        let retry_after = self.retry_after.or(other.retry_after);
        Self { kind, reason: format!("{}; {other}", self.reason), retry_after, ..self }
    }

    /// Returns whether the provider has confirmed that the secret does not exist, is disabled, or
    /// is not accessible to this program. If true, a cached value of the secret must no longer be
    /// used. If false, a cached value can still be used.
    #[must_use]
    pub fn is_definitive(&self) -> bool {
        matches!(
            self.kind,
            SecretErrorKind::NotFound | SecretErrorKind::Disabled | SecretErrorKind::Forbidden
        )
    }

    /// Returns whether the failure can resolve itself, so that a retry makes sense: the kind is
    /// [`Throttled`](SecretErrorKind::Throttled) or [`Unavailable`](SecretErrorKind::Unavailable).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, SecretErrorKind::Throttled | SecretErrorKind::Unavailable)
    }

    /// Returns how long to wait before the next request, or `None` if the provider did not return
    /// this time.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the reference of the secret that could not be read.
    #[must_use]
    pub fn reference(&self) -> &SecretRef {
        &self.reference
    }
}
