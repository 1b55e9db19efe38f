//! Converts errors of the Azure SDK into [`SecretError`]s.

use std::error::Error as StdError;

use azure_core::{
    Error,
    error::ErrorKind,
    http::{RawResponse, StatusCode},
};
use passport_core::{SecretError, SecretErrorKind, SecretRef, TransportError, chain};
use serde_json::Value;

use crate::{last_failure::FailedRequest, sanitize};

/// Returns whether the vault rejected the access token: it responded with status 401.
pub(super) fn is_unauthorized(error: &Error) -> bool {
    error.http_status() == Some(StatusCode::Unauthorized)
}

/// Converts the SDK's `error` of reading the secret `reference` from the vault at `host`. The
/// returned error does not have `error` as its source, because `error` contains whole responses.
pub(super) fn secret_error(reference: &SecretRef, host: &str, error: &Error) -> SecretError {
    let new = |kind, reason: String| SecretError::new(kind, reference.clone(), reason);
    match (error.kind(), TransportError::find(error)) {
        (ErrorKind::HttpResponse { status, raw_response, .. }, _) => {
            let body = raw_response.as_deref().map(ErrorBody::read).unwrap_or_default();
            let status = u16::from(*status);
            let kind = kind(status, &body);
            let error = new(kind, format!("{host} responded with status {status}{body}{}", remedy(kind)));
            body.retry_after.into_iter().fold(error, SecretError::with_retry_after)
        }
        (ErrorKind::Credential, Some(transport)) => {
            let failed = chain(error).find_map(|error| error.downcast_ref::<FailedRequest>());
            let cause = failed.map_or_else(|| sanitize::causes(transport), ToString::to_string);
            let reason = format!("no token for the vault: {cause}{}", sanitize::remedy(transport));
            new(sanitize::kind_of(transport), reason).with_source(transport.clone())
        }
        (_, Some(transport)) => {
            let cause = sanitize::causes(transport);
            let reason = format!("cannot reach {host}: {cause}{}", sanitize::remedy(transport));
            new(sanitize::kind_of(transport), reason).with_source(transport.clone())
        }
        // The text of the SDK's error is omitted, because it quotes the response.
        (ErrorKind::DataConversion, None) => new(
            SecretErrorKind::Unreadable,
            format!(
                "the response is not from Key Vault; check the URL of the vault at {host}, and the proxy"
            ),
        ),
        (ErrorKind::Connection | ErrorKind::Io, None) => {
            new(SecretErrorKind::Unavailable, format!("cannot reach {host}: {}", sanitize::causes(error)))
        }
        (ErrorKind::Credential, None) => {
            let kind = kind_of_credential(error);
            // An error without a source is from `credential.rs`, and already contains the remedy.
            let remedy = StdError::source(error).map_or("", |_| remedy(kind));
            new(kind, format!("no token for the vault: {}{remedy}", sanitize::causes(error)))
        }
        (ErrorKind::Other, None) => new(
            SecretErrorKind::Unauthenticated,
            format!("the secret was not requested from {host}: {}", sanitize::causes(error)),
        ),
    }
}

/// Returns the kind of an error response, by the status and the error codes in the body. A
/// response with status 403 or 404 but without an error code of Key Vault may be from a proxy or
/// a firewall. Such a response says nothing about the secret, so its kind is `Unavailable`.
fn kind(status: u16, body: &ErrorBody) -> SecretErrorKind {
    match (status, &*body.code, &*body.inner_code) {
        (401, ..) => SecretErrorKind::Unauthenticated,
        (403, _, "SecretDisabled") => SecretErrorKind::Disabled,
        (403, _, "ForbiddenByPolicy" | "ForbiddenByRbac" | "AccessDenied") => SecretErrorKind::Forbidden,
        (404, "SecretNotFound", _) => SecretErrorKind::NotFound,
        (429, ..) => SecretErrorKind::Throttled,
        (403 | 404 | 408 | 500.., ..) => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unreadable,
    }
}

/// Returns what an operator can do about an error of `kind`. Empty for the other kinds.
fn remedy(kind: SecretErrorKind) -> &'static str {
    match kind {
        SecretErrorKind::Disabled => "; enable the secret in the vault",
        SecretErrorKind::Forbidden => {
            "; give this program's identity the role Key Vault Secrets User, or the secret permission Get"
        }
        SecretErrorKind::NotFound => "; check the name and the version in the reference",
        SecretErrorKind::Unauthenticated => {
            "; check this program's identity: the AZURE_* variables, or its managed identity"
        }
        SecretErrorKind::Unavailable => "; check the status of the service, and firewalls and proxies",
        _ => "",
    }
}

/// Returns the kind of a failed token request: a transient kind if a retry can succeed,
/// otherwise `Unauthenticated`.
fn kind_of_credential(error: &Error) -> SecretErrorKind {
    chain(error).find_map(transient_kind).unwrap_or(SecretErrorKind::Unauthenticated)
}

/// Returns the kind of `error`, which is one error in a chain of causes. Returns `None` if
/// `error` is not transient, or has a type without a kind.
fn transient_kind(error: &(dyn StdError + 'static)) -> Option<SecretErrorKind> {
    if let Some(error) = error.downcast_ref::<SecretError>() {
        return error.is_transient().then_some(error.kind());
    }
    let is_transient = match error.downcast_ref::<Error>()?.kind() {
        // `DataConversion` is a body that is not from Entra, for example from a proxy.
        ErrorKind::Connection | ErrorKind::Io | ErrorKind::DataConversion => true,
        ErrorKind::HttpResponse { status, .. } => matches!(u16::from(*status), 408 | 410 | 429 | 500..),
        _ => false,
    };
    is_transient.then_some(SecretErrorKind::Unavailable)
}

/// The body of an error of Key Vault: `{"error":{"code","message","innererror":{"code"}}}`.
#[derive(Debug, Default)]
struct ErrorBody {
    code: String,
    /// The more specific code in `innererror`, for example `SecretDisabled`.
    inner_code: String,
    message: String,
    retry_after: Option<std::time::Duration>,
}

impl ErrorBody {
    /// Parses the body and the `Retry-After` header of `response`. A text that is missing in the
    /// body becomes empty.
    fn read(response: &RawResponse) -> Self {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let text = |pointer: &str| {
            sanitize::one_line(body.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
        };
        let retry_after = response.headers().get_optional_str(&"retry-after".into());
        Self {
            code: text("/error/code"),
            inner_code: text("/error/innererror/code"),
            message: text("/error/message"),
            retry_after: retry_after.and_then(sanitize::retry_after),
        }
    }
}

impl std::fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (before, text) in [(" ", &self.code), (", ", &self.inner_code), (": ", &self.message)] {
            let text = text.trim_end_matches('.');
            if !text.is_empty() {
                write!(f, "{before}{text}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
