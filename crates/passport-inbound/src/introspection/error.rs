//! Errors of an introspection: those of a call, and those of a request that needs the answer.

use std::time::Duration;

use http::StatusCode;
use passport_core::{ClientAuthenticationError, SecretError, TransportError, TransportErrorKind};

use super::answer::InvalidAnswer;

/// Why a request that needs the issuer's answer is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntrospectionError {
    /// The issuer says that the token is not active.
    Inactive,
    /// The issuer says that the token is not active, and the token has expired.
    Expired,
    /// There is no answer: the issuer is unreachable, its answer is not valid, or too many calls
    /// are waiting.
    Unavailable {
        /// How long to wait before a retry can succeed.
        retry_after: Duration,
    },
}

/// Why a call has no valid answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// No call was made: too many others are waiting for their turn.
    #[error("too many concurrent introspection calls")]
    Overloaded,
    #[error("no response")]
    Transport(#[from] TransportError),
    #[error("the status of the response is {0}")]
    Status(StatusCode),
    /// The issuer rejects the client: its secret, or its right to introspect tokens.
    #[error("the issuer rejects the client (status 401)")]
    ClientRejected,
    #[error("the client secret cannot be read")]
    Secret(#[source] SecretError),
    #[error("the request cannot be built")]
    Request(#[source] ClientAuthenticationError),
    #[error("no response within the time limit, which includes reading the secret")]
    Timeout,
    #[error("invalid answer")]
    Answer(#[from] InvalidAnswer),
}

impl CallError {
    /// Returns the value of the label `outcome`.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Transport(_) | Self::Status(_) | Self::Timeout => "unavailable",
            Self::ClientRejected => "client_rejected",
            Self::Secret(_) | Self::Request(_) => "secret_unavailable",
            Self::Answer(_) => "invalid_answer",
        }
    }

    /// Returns whether repeating the call does harm: Passport counts rejected clients as attacks.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(self, Self::ClientRejected)
    }

    /// Returns whether the failure possibly concerns only the token, so that it says nothing about
    /// other calls: the content of the answer is about the caller. `is_known` is whether the token
    /// is verified, or the issuer has confirmed it before: an issuer can answer any status 4xx to a
    /// token that it did not issue, except those about its client: 401, 403 and 429.
    pub(super) fn concerns_only_the_token(&self, is_known: bool) -> bool {
        match self {
            Self::Answer(InvalidAnswer::ContentType | InvalidAnswer::Signature) => false,
            Self::Answer(_) => true,
            Self::Transport(error) => error.kind() == TransportErrorKind::TooLarge,
            Self::Status(status) => {
                let is_of_client = [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS].contains(status);
                !is_known && status.is_client_error() && !is_of_client
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
