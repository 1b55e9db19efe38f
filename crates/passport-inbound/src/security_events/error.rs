//! Why a logout token or a security event was not accepted.

use std::time::Duration;

use crate::{RejectionReason, VerifyError};

/// How long a transmitter waits after a denial could not be saved.
const SAVE_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a statement was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EventError {
    /// The statement is invalid, or cannot be used. A retry has the same result.
    Rejected(ErrorCode, Problem),
    /// The statement is possibly valid. A retry after this time can succeed.
    Unavailable(Duration),
}

/// The error codes of [RFC 8935, section
/// 2.4](https://www.rfc-editor.org/rfc/rfc8935#section-2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorCode {
    Request,
    Key,
    Issuer,
    Audience,
}

/// What is wrong with a statement. The messages are fixed texts, which are part of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("the statement could not be verified: {0}")]
    Token(RejectionReason),
    #[error("`aud` has none of the audiences of this receiver")]
    Audience,
    #[error("`{0}` is missing or has a wrong type")]
    Claim(&'static str),
    #[error("`nonce` is not allowed in a logout token")]
    Nonce,
    #[error("the statement is too old")]
    TooOld,
    #[error("the subject is of another issuer than the statement")]
    ForeignSubject,
    #[error("this receiver cannot use a subject of this format: use iss_sub, opaque or jwt_id")]
    SubjectFormat,
    #[error("the subject is an unknown tenant: use a tenant of the access tokens")]
    UnknownTenant,
    #[error("the event has no subject")]
    NoSubject,
}

impl EventError {
    /// Creates the error of a statement with invalid content.
    pub(super) fn invalid(problem: Problem) -> Self {
        let code = match problem {
            Problem::Audience => ErrorCode::Audience,
            Problem::ForeignSubject => ErrorCode::Issuer,
            _ => ErrorCode::Request,
        };
        Self::Rejected(code, problem)
    }

    /// Creates the error of a denial that could not be saved.
    pub(super) fn not_saved() -> Self {
        Self::Unavailable(SAVE_RETRY_AFTER)
    }
}

impl From<Problem> for EventError {
    fn from(problem: Problem) -> Self {
        Self::invalid(problem)
    }
}

impl From<VerifyError> for EventError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Rejected { reason, .. } => {
                Self::Rejected(ErrorCode::of(reason), Problem::Token(reason))
            }
            VerifyError::KeysUnavailable { retry_after, .. }
            | VerifyError::IntrospectionUnavailable { retry_after, .. }
            | VerifyError::Overloaded { retry_after } => Self::Unavailable(retry_after),
        }
    }
}

impl ErrorCode {
    fn of(reason: RejectionReason) -> Self {
        match reason {
            RejectionReason::IssuerMismatch | RejectionReason::DirectoryNotAllowed => Self::Issuer,
            RejectionReason::AlgorithmMismatch
            | RejectionReason::AlgorithmNotAllowed
            | RejectionReason::KeyIssuerMismatch
            | RejectionReason::KeyNotFound
            | RejectionReason::SignatureInvalid => Self::Key,
            _ => Self::Request,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Request => "invalid_request",
            Self::Key => "invalid_key",
            Self::Issuer => "invalid_issuer",
            Self::Audience => "invalid_audience",
        }
    }
}
