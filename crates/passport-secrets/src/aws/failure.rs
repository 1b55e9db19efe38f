//! Converts errors of the AWS SDK into [`SecretError`]s.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::{
    config::Region,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::GetSecretValueError,
};
use passport_core::{SecretError, SecretErrorKind, SecretRef, TransportError, chain};

use crate::{last_failure::FailedRequest, sanitize};

/// The remedy if there are no AWS credentials.
const SET_CREDENTIALS: &str = "; set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
     or attach a role to the machine";

/// Converts the SDK's `error` of reading the secret `reference` in `region`. The returned error
/// does not have `error` as its source, because `error` contains whole responses.
/// `identity_failure` is the last failed request for AWS credentials, or `None` if no such
/// request failed.
pub(super) fn secret_error(
    reference: &SecretRef,
    region: &Region,
    error: &SdkError<GetSecretValueError>,
    identity_failure: Option<FailedRequest>,
) -> SecretError {
    let new = |kind, reason: String| SecretError::new(kind, reference.clone(), reason);
    if let Some(transport) = TransportError::find(error) {
        let (cause, remedy) = (sanitize::causes(transport), sanitize::remedy(transport));
        let reason = format!("cannot reach AWS in {region}: {cause}{remedy}");
        return new(sanitize::kind_of(transport), reason).with_source(transport.clone());
    }
    match error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let code = error.code().unwrap_or_default();
            let message = error.message().unwrap_or_default();
            let kind = kind(status, code, message);
            let message = message.trim_end_matches('.');
            let reason =
                format!("Secrets Manager in {region} responded with status {status} {code} {message}");
            let error = new(kind, format!("{}{}", sanitize::one_line(&reason), remedy(kind)));
            let wait = context.raw().headers().get("retry-after").and_then(sanitize::retry_after);
            wait.into_iter().fold(error, SecretError::with_retry_after)
        }
        SdkError::DispatchFailure(failure) if !failure.is_io() && !failure.is_timeout() => {
            let kind = kind_of_credentials(error, identity_failure.as_ref());
            let remedy = if kind == SecretErrorKind::Unauthenticated { SET_CREDENTIALS } else { "" };
            let last = identity_failure.map(|failed| format!("; last failure: {failed}")).unwrap_or_default();
            let causes = sanitize::causes(error);
            new(kind, format!("the request to Secrets Manager was not sent: {causes}{last}{remedy}"))
        }
        // The text of the SDK's error is omitted, because it quotes the response.
        SdkError::ResponseError(_) => new(
            SecretErrorKind::Unavailable,
            "the response is not from Secrets Manager; check AWS_ENDPOINT_URL and the proxy".to_owned(),
        ),
        SdkError::ConstructionFailure(_) => new(
            SecretErrorKind::Unreadable,
            format!("the request to Secrets Manager cannot be built: {}", sanitize::causes(error)),
        ),
        _ => new(
            SecretErrorKind::Unavailable,
            format!("cannot reach AWS in {region}: {}", sanitize::causes(error)),
        ),
    }
}

/// Returns the kind of a failed request for AWS credentials: `Unavailable` if a retry can
/// succeed, otherwise `Unauthenticated`. If the request exceeded the SDK's time limit, `error`
/// contains no `CredentialsError`. In this case, `identity_failure` determines the kind.
fn kind_of_credentials(
    error: &(dyn Error + 'static),
    identity_failure: Option<&FailedRequest>,
) -> SecretErrorKind {
    match chain(error).find_map(|error| error.downcast_ref::<CredentialsError>()) {
        Some(CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_)) => {
            SecretErrorKind::Unavailable
        }
        None if identity_failure.is_some_and(is_transient) => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unauthenticated,
    }
}

/// Returns whether a retry of the failed request can succeed. This is the case if the request
/// had no response because of a transient error, or if its response had status 408, 429 or 5xx.
pub(super) fn is_transient(failed: &FailedRequest) -> bool {
    match failed {
        FailedRequest::Status { status, .. } => matches!(status, 408 | 429 | 500..),
        FailedRequest::Transport { source, .. } => source.is_transient(),
    }
}

/// Returns the kind of an error response of Secrets Manager, by its error code or its status.
fn kind(status: u16, code: &str, message: &str) -> SecretErrorKind {
    match code {
        "ResourceNotFoundException" => SecretErrorKind::NotFound,
        // The secret is marked for deletion, and can be restored.
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
        // Without an error code, the response may be from a proxy, and says nothing about the
        // secret.
        "" if matches!(status, 401 | 403) => SecretErrorKind::Unauthenticated,
        _ if status == 429 => SecretErrorKind::Throttled,
        _ if status >= 500 => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unreadable,
    }
}

/// Returns what an operator can do about an error of `kind`. Empty for the other kinds.
fn remedy(kind: SecretErrorKind) -> &'static str {
    match kind {
        SecretErrorKind::Disabled => "; restore the secret, or change the reference",
        SecretErrorKind::Forbidden => "; allow secretsmanager:GetSecretValue, and kms:Decrypt for the key",
        SecretErrorKind::NotFound => "; check the name and the region",
        SecretErrorKind::Unauthenticated => "; check the AWS credentials of this program",
        SecretErrorKind::Unavailable => "; check the status of AWS, and the proxy",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
