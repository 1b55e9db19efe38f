//! Errors of requests to Vault, and the responses that cause these errors. Does no I/O.

use std::time::Duration;

use http::StatusCode;
use passport_core::{SecretError, SecretErrorKind, SecretRef, TransportError};

use crate::sanitize;

/// The content of a response that is not a success.
#[derive(Debug)]
pub(super) enum VaultErrorResponse {
    /// There is no secret at the path, or the current version of the secret was deleted.
    NoSecret,
    /// The error messages or the warnings of Vault.
    Errors(Vec<String>),
    /// The body does not have the format of Vault: the response may be from a proxy, or a redirect.
    NotVault,
}

/// The error of a failed request to Vault, an invalid response, or an invalid reference.
/// [`into_secret_error`](Self::into_secret_error) adds the reference of the secret and converts
/// this error into a [`SecretError`].
#[derive(Debug, thiserror::Error)]
#[error("{reason}{remedy}")]
pub(super) struct VaultError {
    pub(super) kind: SecretErrorKind,
    reason: String,
    /// What an operator can do about the error. Begins with a semicolon. Empty if `reason` includes
    /// the remedy.
    remedy: &'static str,
    retry_after: Option<Duration>,
    source: Option<TransportError>,
}

impl VaultError {
    /// Creates an error with a `reason` that includes the remedy.
    pub(super) fn new(kind: SecretErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), remedy: "", retry_after: None, source: None }
    }

    /// Creates the error of a request to `address` that failed with `error`, without a response.
    pub(super) fn unreachable(address: &str, error: TransportError) -> Self {
        let reason = format!("cannot reach Vault at {address}: {}", sanitize::causes(&error));
        let failure = Self::new(sanitize::kind_of(&error), reason);
        Self { remedy: sanitize::remedy(&error), source: Some(error), ..failure }
    }

    /// Creates the error of a response from `address` that is not a success.
    pub(super) fn response(
        address: &str,
        status: StatusCode,
        content: &VaultErrorResponse,
        retry_after: Option<Duration>,
    ) -> Self {
        let kind = match (content, status.as_u16()) {
            (_, 429) => SecretErrorKind::Throttled,
            // A response of a proxy says nothing about the secret. A node of Vault responds with
            // status 412 while its data is older than the data of the active node, with 472 or 473
            // on standby, and with 503 if it is sealed.
            (VaultErrorResponse::NotVault, _) | (_, 412 | 472 | 473 | 500..) => SecretErrorKind::Unavailable,
            (VaultErrorResponse::NoSecret, 404) => SecretErrorKind::NotFound,
            (VaultErrorResponse::Errors(_), 403) => SecretErrorKind::Forbidden,
            // For example an unknown mount. The kind is not `NotFound`, so that the cached secret
            // is kept.
            _ => SecretErrorKind::Unreadable,
        };
        let status = status.as_u16();
        let (reason, remedy) = match content {
            VaultErrorResponse::NotVault => (
                format!(
                    "{address} responded with status {status}, but the response is not from Vault, or is a redirect, which is not followed"
                ),
                "; check the address, and the proxy",
            ),
            VaultErrorResponse::NoSecret => (
                format!(
                    "Vault at {address} responded with status {status}: there is no secret at the path, or it was deleted"
                ),
                "; check the path, and the mount and version of the key-value engine",
            ),
            VaultErrorResponse::Errors(errors) => (
                format!(
                    "Vault at {address} responded with status {status}: {}",
                    sanitize::one_line(&errors.join("; "))
                ),
                remedy(kind),
            ),
        };
        Self { retry_after, remedy, ..Self::new(kind, reason) }
    }

    /// Converts this error into an error of a login or of a token. The kind becomes
    /// `Unauthenticated`, which keeps the cached secret. If this error is transient, or if the
    /// request had no response, the kind does not change, because the error does not mean that the
    /// credentials are wrong.
    pub(super) fn into_login_error(self) -> Self {
        let keeps_kind = self.is_transient() || self.source.is_some();
        let (kind, remedy) = if keeps_kind {
            (self.kind, self.remedy)
        } else {
            (SecretErrorKind::Unauthenticated, "; check the credentials of the auth method, and its role")
        };
        Self { kind, remedy, reason: format!("no Vault token: {}", self.reason), ..self }
    }

    /// Returns whether a retry of the request can succeed.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self.kind, SecretErrorKind::Throttled | SecretErrorKind::Unavailable)
    }

    /// Converts this error into the error of reading the secret `reference`.
    pub(super) fn into_secret_error(self, reference: &SecretRef) -> SecretError {
        let error = SecretError::new(self.kind, reference.clone(), self.to_string());
        let error = self.retry_after.into_iter().fold(error, SecretError::with_retry_after);
        self.source.into_iter().fold(error, SecretError::with_source)
    }
}

/// Returns what an operator can do about a response of `kind` with error messages of Vault.
/// Empty for the other kinds.
fn remedy(kind: SecretErrorKind) -> &'static str {
    match kind {
        SecretErrorKind::Forbidden => "; grant the capability read on the path to the policy of the token",
        SecretErrorKind::Unavailable => "; check `vault status`",
        SecretErrorKind::Unreadable => "; check the path, and the mount and version of the key-value engine",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
