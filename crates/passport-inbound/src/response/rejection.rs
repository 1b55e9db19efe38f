use std::time::Duration;

use http::{Extensions, StatusCode};

use crate::{
    IdInfo, RejectionReason, VerifyError,
    identity::Anonymous,
    metrics::{REJECTED_REQUESTS, TARGET, count},
    response::unmet_requirement::UnmetRequirement,
};

/// The reason why a request was rejected.
///
/// The response contains little of it; its extensions hold the whole value, for layers outside that
/// log or count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no token: no `Authorization` header of the Bearer scheme, and none in the other
    /// places that the layer is configured for. 401.
    #[error("no credentials")]
    MissingCredentials,
    /// The caller does not meet the requirement. 403.
    #[error("the caller is or has not: {0}")]
    Forbidden(UnmetRequirement),
    /// There are no signing keys. 503.
    #[error("the signing keys are unavailable")]
    KeysUnavailable {
        /// When the caller should try again.
        retry_after: Duration,
    },
    /// A `RequireLayer`, an extractor or an `TokenDeadlineLayer` ran without an
    /// [`AuthenticateLayer`](crate::AuthenticateLayer) before it. 500: the caller cannot correct
    /// it.
    #[error("no AuthenticateLayer ran before what needs to know the caller")]
    MissingAuthenticateLayer,
    /// A [`PermissionChecker`](crate::PermissionChecker) has no answer. 503.
    #[error("it could not be found out whether the caller has the permission")]
    PermissionCheckFailed,
    /// Too many tokens are being verified at once. 503.
    #[error("too many tokens are being verified at once")]
    Overloaded {
        /// When the caller should try again.
        retry_after: Duration,
    },
    /// The token is not acceptable. 401.
    #[error(transparent)]
    Token(#[from] RejectionReason),
}

impl Rejection {
    /// The status of the HTTP response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MissingCredentials | Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::KeysUnavailable { .. } | Self::Overloaded { .. } | Self::PermissionCheckFailed => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::MissingAuthenticateLayer => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
        }
    }

    /// The [gRPC status code](https://grpc.io/docs/guides/status-codes/) of the gRPC response.
    #[must_use]
    pub fn grpc_code(&self) -> u8 {
        match self {
            Self::MissingCredentials | Self::Token(_) => 16,
            Self::KeysUnavailable { .. } | Self::Overloaded { .. } | Self::PermissionCheckFailed => 14,
            Self::MissingAuthenticateLayer => 13,
            Self::Forbidden(_) => 7,
        }
    }

    /// Counts and logs the rejection of a request.
    pub(crate) fn record(&self) {
        count!(REJECTED_REQUESTS, "reason",
            Self::MissingCredentials => "missing_credentials",
            Self::Forbidden(_) => "forbidden",
            Self::KeysUnavailable { .. } => "keys_unavailable",
            Self::MissingAuthenticateLayer => "missing_authenticate_layer",
            Self::Overloaded { .. } => "overloaded",
            Self::PermissionCheckFailed => "permission_check_failed",
            Self::Token(_) => "token",
            ; self);
        if matches!(self, Self::MissingAuthenticateLayer) {
            tracing::error!(
                target: TARGET,
                "a guard, an extractor or a layer that ends streams found no identity: no AuthenticateLayer ran before it; add one outside of it"
            );
        } else {
            // Anyone can cause these; their own causes are logged as warnings where they happen.
            tracing::debug!(target: TARGET, reason = ?self, "request refused: {self}");
        }
    }
}

/// Returns the identity that an `AuthenticateLayer` has left in the extensions of a request.
pub(crate) fn required_identity(extensions: &Extensions) -> Result<&IdInfo, Rejection> {
    let missing = || match extensions.get::<Anonymous>() {
        Some(Anonymous) => Rejection::MissingCredentials,
        None => Rejection::MissingAuthenticateLayer,
    };
    extensions.get().ok_or_else(missing)
}

impl From<VerifyError> for Rejection {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::KeysUnavailable { retry_after } => Self::KeysUnavailable { retry_after },
            VerifyError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            VerifyError::Rejected(reason) => Self::Token(reason),
        }
    }
}
