//! Errors of a verification.

use std::time::Duration;

use crate::RejectionReason;

/// The reason why a token was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There are no signing keys, or none that verifies the token while the keys cannot be
    /// refreshed. The token may be good.
    #[error("the issuer's signing keys are unavailable")]
    KeysUnavailable {
        /// When the caller should try again.
        retry_after: Duration,
    },
    /// All verification permits were in use for too long. Cached tokens need none.
    #[error("too many tokens are being verified at once")]
    Overloaded {
        /// When the caller should try again.
        retry_after: Duration,
    },
    /// The token is not acceptable.
    #[error(transparent)]
    Rejected(#[from] RejectionReason),
}

/// The reason why waiting for signing keys is unlikely to help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no signing keys, and waiting will not bring any: {0}")]
pub struct ReadyError(pub(super) String);
