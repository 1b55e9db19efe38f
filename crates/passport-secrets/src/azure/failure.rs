//! What the SDK's errors mean for a secret.

use std::error::Error as StdError;

use azure_core::{
    Error,
    error::ErrorKind,
    http::{RawResponse, StatusCode},
};
use passport_core::{SecretError, SecretErrorKind, SecretRef, TransportError, chain};
use serde_json::Value;

use crate::{last_failure::FailedRequest, sanitize};

/// Whether the vault has refused the token that it was shown.
pub(super) fn is_unauthorized(error: &Error) -> bool {
    error.http_status() == Some(StatusCode::Unauthorized)
}

/// The error's text without the SDK's error behind it, which holds whole responses.
pub(super) fn of(reference: &SecretRef, error: &Error) -> SecretError {
    let new = |kind, reason: String| SecretError::new(kind, reference.clone(), reason);
    match (error.kind(), TransportError::find(error)) {
        (ErrorKind::HttpResponse { status, raw_response, .. }, _) => {
            let body = raw_response.as_deref().map(ErrorBody::read).unwrap_or_default();
            let status = u16::from(*status);
            let said = new(kind(status, &body), format!("the vault answered {status}{body}"));
            body.retry_after.into_iter().fold(said, SecretError::with_retry_after)
        }
        (sdk, Some(transport)) => {
            let failed = match sdk {
                ErrorKind::Credential => "no token for the vault",
                _ => "the vault was not reached",
            };
            let cause = chain(error).find_map(|error| error.downcast_ref::<FailedRequest>());
            let cause = cause.map_or_else(|| sanitize::causes(transport), ToString::to_string);
            let reason = format!("{failed}: {cause}");
            new(sanitize::kind_of(transport), reason).with_source(transport.clone())
        }
        // Its text would quote what was answered.
        (ErrorKind::DataConversion, None) => {
            new(SecretErrorKind::Unreadable, "what answered does not speak as a vault does".to_owned())
        }
        (ErrorKind::Connection | ErrorKind::Io, None) => new(
            SecretErrorKind::Unavailable,
            format!("the vault was not reached: {}", sanitize::causes(error)),
        ),
        // Behind it is what came of asking for a token.
        (ErrorKind::Credential, None) => {
            new(kind_of_credential(error), format!("no token for the vault: {}", sanitize::causes(error)))
        }
        (ErrorKind::Other, None) => new(
            SecretErrorKind::Unauthenticated,
            format!("the vault was not asked: {}", sanitize::causes(error)),
        ),
    }
}

/// Only what the vault says itself ends a secret: a proxy, or the network that we are in, says nothing of it.
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

/// A token that cannot be had at the moment, or never.
fn kind_of_credential(error: &Error) -> SecretErrorKind {
    chain(error).find_map(transient_kind).unwrap_or(SecretErrorKind::Unauthenticated)
}

/// Returns the kind of one error of a chain if it may pass by itself.
fn transient_kind(error: &(dyn StdError + 'static)) -> Option<SecretErrorKind> {
    if let Some(error) = error.downcast_ref::<SecretError>() {
        return error.is_transient().then_some(error.kind());
    }
    let is_transient = match error.downcast_ref::<Error>()?.kind() {
        // The last is of an body that is no body of Entra's.
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
    inner_code: String,
    message: String,
    retry_after: Option<std::time::Duration>,
}

impl ErrorBody {
    fn read(response: &RawResponse) -> Self {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let text = |pointer: &str| {
            sanitize::shown(body.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
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
        for (before, words) in [(" ", &self.code), (", ", &self.inner_code), (": ", &self.message)] {
            if !words.is_empty() {
                write!(f, "{before}{words}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
