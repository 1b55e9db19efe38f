use std::time::Duration;

use crate::RejectionReason;

/// Why a token did not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There are no signing keys, or none that verifies the token while the keys cannot be
    /// refreshed. The token may be good.
    #[error("the issuer's signing keys are unavailable")]
    KeysUnavailable {
        /// When it is worth while to ask again.
        retry_after: Duration,
    },
    /// As many tokens are being verified as may be at once, and none of them was done in time. Tokens that were verified before
    /// are not concerned.
    #[error("too many tokens are being verified at once")]
    Overloaded {
        /// When it is worth while to ask again.
        retry_after: Duration,
    },
    /// The token is not acceptable.
    #[error(transparent)]
    Rejected(#[from] RejectionReason),
}

/// Why waiting for signing keys is not likely to help. The text says what to look at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no signing keys, and waiting will not bring any: {why}")]
pub struct NotReady {
    why: String,
}

impl NotReady {
    pub(crate) fn new(why: String) -> Self {
        Self { why }
    }
}
