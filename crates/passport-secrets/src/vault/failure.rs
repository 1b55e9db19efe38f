//! What a response of Vault means that holds no secret. Pure.

use std::time::Duration;

use http::StatusCode;
use passport_core::{SecretError, SecretErrorKind, SecretRef, TransportError};

use crate::sanitize;

/// The content of a response without a secret.
#[derive(Debug)]
pub(super) enum VaultErrorResponse {
    /// There is no secret, or its current version was deleted.
    NoSecret,
    /// Errors of Vault, or warnings.
    Errors(Vec<String>),
    /// The response is not Vault's.
    NotVault,
}

/// A request that brought nothing.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct VaultError {
    pub(super) kind: SecretErrorKind,
    reason: String,
    retry_after: Option<Duration>,
    source: Option<TransportError>,
}

impl VaultError {
    pub(super) fn new(kind: SecretErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), retry_after: None, source: None }
    }

    /// Creates the failure of a request without a response.
    pub(super) fn not_reached(error: TransportError) -> Self {
        let reason = format!("Vault was not reached: {}", sanitize::causes(&error));
        let failure = Self::new(sanitize::kind_of(&error), reason);
        Self { source: Some(error), ..failure }
    }

    /// Creates the failure of a response without a secret.
    pub(super) fn response(
        status: StatusCode,
        content: &VaultErrorResponse,
        retry_after: Option<Duration>,
    ) -> Self {
        let kind = match (content, status.as_u16()) {
            (_, 429) => SecretErrorKind::Throttled,
            // A proxy on the way knows no secrets. The statuses are of a node that lags behind another
            // one, is on standby, or is sealed.
            (VaultErrorResponse::NotVault, _) | (_, 412 | 472 | 473 | 500..) => SecretErrorKind::Unavailable,
            (VaultErrorResponse::NoSecret, 404) => SecretErrorKind::NotFound,
            (VaultErrorResponse::Errors(_), 403) => SecretErrorKind::Forbidden,
            // For example an unknown mount, which says nothing of the secret either.
            _ => SecretErrorKind::Unreadable,
        };
        let status = status.as_u16();
        let reason = match content {
            VaultErrorResponse::NotVault => {
                format!("what answered {status} is not Vault, or sends elsewhere, which is not followed")
            }
            VaultErrorResponse::NoSecret => {
                format!(
                    "Vault answered {status}: nothing is there, or no more; are path, mount and version of the engine right?"
                )
            }
            VaultErrorResponse::Errors(errors) => {
                format!("Vault answered {status}: {}", sanitize::shown(&errors.join("; ")))
            }
        };
        Self { retry_after, ..Self::new(kind, reason) }
    }

    /// The same, of a login or a token: it says nothing of the secret. Without a response it says
    /// nothing of the credentials either.
    pub(super) fn of_login(self) -> Self {
        let keeps_kind = self.is_transient() || self.source.is_some();
        let kind = if keeps_kind { self.kind } else { SecretErrorKind::Unauthenticated };
        Self { kind, reason: format!("there is no token: {}", self.reason), ..self }
    }

    pub(super) fn is_transient(&self) -> bool {
        matches!(self.kind, SecretErrorKind::Throttled | SecretErrorKind::Unavailable)
    }

    pub(super) fn concerning(self, reference: &SecretRef) -> SecretError {
        let error = SecretError::new(self.kind, reference.clone(), self.reason);
        let error = self.retry_after.into_iter().fold(error, SecretError::with_retry_after);
        self.source.into_iter().fold(error, SecretError::with_source)
    }
}

#[cfg(test)]
mod tests;
