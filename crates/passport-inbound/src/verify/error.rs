//! Errors of a verification.

use std::{fmt, time::Duration};

use crate::{RejectionReason, issuers::IssuerName};

/// The reason why a token was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token could not be verified, and is possibly valid:
    /// - There are no signing keys, or all signing keys have expired.
    /// - No known key verifies the token, and the keys could not be refreshed.
    #[error("the issuer's signing keys are unavailable")]
    KeysUnavailable {
        /// How long to wait before a retry can succeed.
        retry_after: Duration,
        /// The issuer that has no usable keys. `None` if the error was not created by a
        /// verifier.
        issuer: Option<IssuerName>,
    },
    /// The issuer was asked whether the token is active, and gave no valid answer: it is
    /// unreachable, or too many calls are waiting. The token is possibly valid.
    #[error("the issuer does not say whether the token is active")]
    IntrospectionUnavailable {
        /// How long to wait before a retry can succeed.
        retry_after: Duration,
        /// The issuer that gave no answer. `None` if the error was not created by a verifier.
        issuer: Option<IssuerName>,
    },
    /// No verification permit was available in time, because too many other tokens are being
    /// verified. Cached tokens do not need a permit.
    #[error("too many concurrent signature verifications")]
    Overloaded {
        /// How long to wait before a retry can succeed.
        retry_after: Duration,
    },
    /// The token is invalid.
    #[error("{reason}")]
    Rejected {
        /// Why the token is invalid.
        reason: RejectionReason,
        /// The issuer of the token. `None` if the token was rejected before its issuer was known.
        issuer: Option<IssuerName>,
    },
}

impl VerifyError {
    /// Returns why the token is invalid. Returns `None` if the token is possibly valid.
    #[must_use]
    pub fn reason(&self) -> Option<RejectionReason> {
        match self {
            Self::Rejected { reason, .. } => Some(*reason),
            Self::KeysUnavailable { .. }
            | Self::IntrospectionUnavailable { .. }
            | Self::Overloaded { .. } => None,
        }
    }

    /// Returns the issuer of the token. Returns `None` if it is not known.
    #[must_use]
    pub fn issuer(&self) -> Option<&IssuerName> {
        match self {
            Self::Rejected { issuer, .. }
            | Self::KeysUnavailable { issuer, .. }
            | Self::IntrospectionUnavailable { issuer, .. } => issuer.as_ref(),
            Self::Overloaded { .. } => None,
        }
    }
}

/// Creates the error of a token of an unknown issuer.
impl From<RejectionReason> for VerifyError {
    fn from(reason: RejectionReason) -> Self {
        Self::Rejected { reason, issuer: None }
    }
}

/// The error of [`TokenVerifier::ready`](crate::TokenVerifier::ready): the signing keys cannot
/// be fetched, and a retry is unlikely to help. The message has the cause and the remedy.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("signing keys unavailable, and retrying will not help: {0}")]
pub struct ReadyError(pub(super) String);

/// Prints the message. A `main` that returns this error prints its `Debug` output.
impl fmt::Debug for ReadyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
