//! Errors of a verification.

use std::{fmt, time::Duration};

use crate::RejectionReason;

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
    },
    /// No verification permit was available in time, because too many other tokens are being
    /// verified. Cached tokens do not need a permit.
    #[error("too many concurrent signature verifications")]
    Overloaded {
        /// How long to wait before a retry can succeed.
        retry_after: Duration,
    },
    /// The token is invalid.
    #[error(transparent)]
    Rejected(#[from] RejectionReason),
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
