//! What the SDK's errors mean for a secret.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::{
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::GetSecretValueError,
};
use passport_core::{SecretError, SecretErrorKind, SecretRef, TransportError, chain};

use crate::{last_failure::FailedRequest, sanitize};

const NO_CREDENTIALS: &str = "; set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, or AWS_ACCESS_KEY_ID and \
                              AWS_SECRET_ACCESS_KEY, or give the machine a role";

/// The error's text without the SDK's error behind it, which holds whole responses. `of_identity`
/// is the last failed request for credentials.
pub(super) fn of(
    reference: &SecretRef,
    error: &SdkError<GetSecretValueError>,
    of_identity: Option<FailedRequest>,
) -> SecretError {
    let new = |kind, reason: String| SecretError::new(kind, reference.clone(), reason);
    if let Some(transport) = TransportError::find(error) {
        let reason = format!("AWS was not reached: {}", sanitize::causes(transport));
        return new(sanitize::kind_of(transport), reason).with_source(transport.clone());
    }
    match error {
        SdkError::ServiceError(answered) => {
            let status = answered.raw().status().as_u16();
            let code = error.code().unwrap_or_default();
            let message = error.message().unwrap_or_default();
            let reason = format!("Secrets Manager answered {status} {code} {message}");
            let said = new(kind(status, code, message), sanitize::shown(&reason));
            let wait = answered.raw().headers().get("retry-after").and_then(sanitize::retry_after);
            wait.into_iter().fold(said, SecretError::with_retry_after)
        }
        SdkError::DispatchFailure(failure) if !failure.is_io() && !failure.is_timeout() => {
            let kind = kind_of_credentials(error, of_identity.as_ref());
            let hint = if kind == SecretErrorKind::Unauthenticated { NO_CREDENTIALS } else { "" };
            let last = of_identity.map(|failed| format!("; last failure: {failed}")).unwrap_or_default();
            new(kind, format!("Secrets Manager was not asked: {}{last}{hint}", sanitize::causes(error)))
        }
        // Its text would quote what was answered.
        SdkError::ResponseError(_) => new(
            SecretErrorKind::Unavailable,
            "what answered does not speak as Secrets Manager does".to_owned(),
        ),
        SdkError::ConstructionFailure(_) => new(
            SecretErrorKind::Unreadable,
            format!("Secrets Manager was not asked: {}", sanitize::causes(error)),
        ),
        _ => new(
            SecretErrorKind::Unavailable,
            format!("Secrets Manager was not reached: {}", sanitize::causes(error)),
        ),
    }
}

/// Credentials that cannot be had now, or never. The SDK's own limit of time ends without an error
/// of the provider.
fn kind_of_credentials(
    error: &(dyn Error + 'static),
    of_identity: Option<&FailedRequest>,
) -> SecretErrorKind {
    match chain(error).find_map(|error| error.downcast_ref::<CredentialsError>()) {
        Some(CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_)) => {
            SecretErrorKind::Unavailable
        }
        None if of_identity.is_some_and(is_transient) => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unauthenticated,
    }
}

pub(super) fn is_transient(failed: &FailedRequest) -> bool {
    match failed {
        FailedRequest::Status { status, .. } => matches!(status, 408 | 429 | 500..),
        FailedRequest::Transport { source, .. } => source.is_transient(),
    }
}

fn kind(status: u16, code: &str, message: &str) -> SecretErrorKind {
    match code {
        "ResourceNotFoundException" => SecretErrorKind::NotFound,
        // What is marked for deletion is there yet.
        "InvalidRequestException" if message.contains("deletion") || message.contains("deleted") => {
            SecretErrorKind::Disabled
        }
        "AccessDeniedException" => SecretErrorKind::Forbidden,
        "ThrottlingException" | "TooManyRequestsException" | "RequestLimitExceeded" => {
            SecretErrorKind::Throttled
        }
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "InvalidClientTokenId"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "ExpiredTokenException" => SecretErrorKind::Unauthenticated,
        // Without a code it may come from a proxy, which says nothing of the secret.
        "" if matches!(status, 401 | 403) => SecretErrorKind::Unauthenticated,
        _ if status == 429 => SecretErrorKind::Throttled,
        _ if status >= 500 => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unreadable,
    }
}

#[cfg(test)]
mod tests;
