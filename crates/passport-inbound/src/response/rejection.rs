//! The reasons for which the middleware rejects requests.

use std::time::Duration;

use http::{Extensions, StatusCode};

use crate::{
    IdInfo, RejectionReason, VerifyError,
    identity::Anonymous,
    issuers::IssuerName,
    metrics::{REJECTED_REQUESTS, TARGET, count},
    response::unmet_requirement::UnmetRequirement,
};

/// The reason why a request was rejected.
///
/// The `Rejection` is in the extensions of the response, for outer layers that log or count
/// rejections. The response that the client receives has fewer details.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The request has no token: neither in an `Authorization` header of the Bearer scheme, nor in
    /// a cookie or the query if the layer is configured to read those. Status 401.
    #[error("missing credentials")]
    MissingCredentials,
    /// The caller does not meet the requirement. Status 403.
    #[error("requirement not met: {0}")]
    Forbidden(UnmetRequirement),
    /// The issuer's signing keys are unavailable, so the token cannot be verified. Status 503.
    #[error("the issuer's signing keys are unavailable")]
    KeysUnavailable {
        /// How long the client should wait before it retries.
        retry_after: Duration,
        /// The issuer that has no usable keys.
        issuer: Option<IssuerName>,
    },
    /// The issuer does not say whether the token is active. Status 503.
    #[error("the issuer does not say whether the token is active")]
    IntrospectionUnavailable {
        /// How long the client should wait before it retries.
        retry_after: Duration,
        /// The issuer that gave no answer.
        issuer: Option<IssuerName>,
    },
    /// A requirement needs the answer of an issuer without
    /// [`introspection`](crate::TrustedIssuer::introspection). Status 500, because the error is in
    /// the service and not in the request.
    #[error("the issuer of the token has no introspection settings")]
    IntrospectionNotConfigured {
        /// The issuer without settings.
        issuer: IssuerName,
    },
    /// A [`RequireLayer`](crate::RequireLayer), a [`TokenDeadlineLayer`](crate::TokenDeadlineLayer)
    /// or an extractor is not inside an [`AuthenticateLayer`](crate::AuthenticateLayer). Status
    /// 500, because the error is in the service and not in the request.
    #[error("missing AuthenticateLayer")]
    MissingAuthenticateLayer,
    /// A [`PermissionChecker`](crate::PermissionChecker) has returned an error. Status 503.
    #[error("permission check failed")]
    PermissionCheckFailed,
    /// The limit of concurrent verifications or of waiting requests is reached. Status 503.
    #[error("too many concurrent signature verifications")]
    Overloaded {
        /// How long the client should wait before it retries.
        retry_after: Duration,
    },
    /// The token is invalid. Status 401.
    #[error("{reason}")]
    Token {
        /// Why the token is invalid.
        reason: RejectionReason,
        /// The issuer of the token. `None` if the token was rejected before its issuer was known.
        issuer: Option<IssuerName>,
    },
}

impl Rejection {
    /// Returns the trusted issuer of the request's token. Returns `None` if it is not known, or if
    /// the request was rejected for a reason that does not depend on it.
    #[must_use]
    pub fn issuer(&self) -> Option<&IssuerName> {
        match self {
            Self::Token { issuer, .. }
            | Self::KeysUnavailable { issuer, .. }
            | Self::IntrospectionUnavailable { issuer, .. } => issuer.as_ref(),
            Self::IntrospectionNotConfigured { issuer } => Some(issuer),
            _ => None,
        }
    }

    /// Returns the status of the HTTP response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MissingCredentials | Self::Token { .. } => StatusCode::UNAUTHORIZED,
            Self::KeysUnavailable { .. }
            | Self::IntrospectionUnavailable { .. }
            | Self::Overloaded { .. }
            | Self::PermissionCheckFailed => StatusCode::SERVICE_UNAVAILABLE,
            Self::MissingAuthenticateLayer | Self::IntrospectionNotConfigured { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
        }
    }

    /// Returns the [status code](https://grpc.io/docs/guides/status-codes/) of the gRPC response.
    #[must_use]
    pub fn grpc_code(&self) -> u8 {
        match self {
            Self::MissingCredentials | Self::Token { .. } => 16,
            Self::KeysUnavailable { .. }
            | Self::IntrospectionUnavailable { .. }
            | Self::Overloaded { .. }
            | Self::PermissionCheckFailed => 14,
            Self::MissingAuthenticateLayer | Self::IntrospectionNotConfigured { .. } => 13,
            Self::Forbidden(_) => 7,
        }
    }

    /// Increments the counter of rejected requests, by reason, and logs the rejection. The level is
    /// error if the service is misconfigured, and otherwise debug.
    pub(crate) fn record(&self) {
        count!(REJECTED_REQUESTS, "reason",
            Self::MissingCredentials => "missing_credentials",
            Self::Forbidden(_) => "forbidden",
            Self::KeysUnavailable { .. } => "keys_unavailable",
            Self::IntrospectionUnavailable { .. } => "introspection_unavailable",
            Self::IntrospectionNotConfigured { .. } => "introspection_not_configured",
            Self::MissingAuthenticateLayer => "missing_authenticate_layer",
            Self::Overloaded { .. } => "overloaded",
            Self::PermissionCheckFailed => "permission_check_failed",
            Self::Token { .. } => "token",
            ; self);
        match self {
            Self::MissingAuthenticateLayer => tracing::error!(
                target: TARGET,
                "missing AuthenticateLayer: a RequireLayer, a TokenDeadlineLayer or an extractor found no caller; add an AuthenticateLayer outside it"
            ),
            Self::IntrospectionNotConfigured { issuer } => tracing::error!(
                target: TARGET,
                %issuer,
                "missing introspection: a requirement needs the answer of an issuer that has no settings for it; set TrustedIssuer::introspection"
            ),
            // Any client can cause these rejections, and must not be able to fill the log. Failures
            // of the service itself, such as a failed JWKS refresh, are logged where they happen.
            _ => tracing::debug!(target: TARGET, reason = ?self, "request rejected: {self}"),
        }
    }
}

/// Returns the caller that an `AuthenticateLayer` has stored in the extensions of a request. If
/// there is no caller, the error is:
///
/// - `MissingCredentials` if an `AuthenticateLayer` has marked the request as anonymous;
/// - otherwise `MissingAuthenticateLayer`.
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
            VerifyError::KeysUnavailable { retry_after, issuer } => {
                Self::KeysUnavailable { retry_after, issuer }
            }
            VerifyError::IntrospectionUnavailable { retry_after, issuer } => {
                Self::IntrospectionUnavailable { retry_after, issuer }
            }
            VerifyError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            VerifyError::Rejected { reason, issuer } => Self::Token { reason, issuer },
        }
    }
}

/// Creates the rejection of a token of an unknown issuer.
impl From<RejectionReason> for Rejection {
    fn from(reason: RejectionReason) -> Self {
        Self::Token { reason, issuer: None }
    }
}
