//! What Vault's answers mean, when they hold no secret. Pure.

use std::{fmt, time::Duration};

use http::StatusCode;
use passport_core::{SecretError, SecretErrorKind, SecretRef};

/// Something that went wrong with what was asked.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: SecretErrorKind,
    reason: String,
    retry_after: Option<Duration>,
}

impl Failure {
    pub(super) fn new(kind: SecretErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), retry_after: None }
    }

    /// An answer of `status`, in which Vault says `errors`; none if it is not Vault that answers.
    pub(super) fn answered(status: StatusCode, errors: Option<&str>, retry_after: Option<Duration>) -> Self {
        let Some(errors) = errors else {
            let hint = if status.is_redirection() { "; redirects are not followed" } else { "" };
            let kind = if status == StatusCode::TOO_MANY_REQUESTS {
                SecretErrorKind::Throttled
            } else {
                // A proxy on the way says nothing of secrets.
                SecretErrorKind::Unavailable
            };
            return Self {
                retry_after,
                ..Self::new(kind, format!("what answered {status} is not Vault{hint}"))
            };
        };
        let kind = match status.as_u16() {
            403 => SecretErrorKind::Forbidden,
            404 => SecretErrorKind::NotFound,
            429 => SecretErrorKind::Throttled,
            // A node that does not know yet what another one has written; one that stands by; one that is sealed.
            412 | 472 | 473 | 500.. => SecretErrorKind::Unavailable,
            _ => SecretErrorKind::Unreadable,
        };
        let says = if errors.is_empty() { String::new() } else { format!(": {errors}") };
        Self { retry_after, ..Self::new(kind, format!("Vault answered {}{says}", status.as_u16())) }
    }

    /// The same, of a login or a token: it says nothing of the secret.
    pub(super) fn of_login(self) -> Self {
        let kind = if self.is_transient() { self.kind } else { SecretErrorKind::Unauthenticated };
        Self { kind, reason: format!("there is no token: {}", self.reason), ..self }
    }

    pub(super) fn is_transient(&self) -> bool {
        matches!(self.kind, SecretErrorKind::Throttled | SecretErrorKind::Unavailable)
    }

    pub(super) fn concerning(self, reference: &SecretRef) -> SecretError {
        let error = SecretError::new(self.kind, reference.clone(), self.reason);
        self.retry_after.into_iter().fold(error, SecretError::with_retry_after)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vault_itself_ends_a_secret() {
        let kind =
            |status: u16, errors| Failure::answered(StatusCode::from_u16(status).unwrap(), errors, None).kind;
        for (status, by_vault) in [
            (400, SecretErrorKind::Unreadable),
            (403, SecretErrorKind::Forbidden),
            (404, SecretErrorKind::NotFound),
            (412, SecretErrorKind::Unavailable),
            (472, SecretErrorKind::Unavailable),
            (500, SecretErrorKind::Unavailable),
            (503, SecretErrorKind::Unavailable),
        ] {
            assert_eq!(kind(status, Some("")), by_vault, "{status}");
            assert_eq!(kind(status, None), SecretErrorKind::Unavailable, "{status} of a proxy");
        }
        assert_eq!(
            (kind(429, Some("")), kind(429, None)),
            (SecretErrorKind::Throttled, SecretErrorKind::Throttled)
        );
    }

    #[test]
    fn what_is_said_of_a_login_is_not_said_of_the_secret() {
        let refused = Failure::answered(StatusCode::FORBIDDEN, Some("permission denied"), None).of_login();
        assert_eq!(refused.kind, SecretErrorKind::Unauthenticated);
        let sealed = Failure::answered(StatusCode::SERVICE_UNAVAILABLE, Some("sealed"), None).of_login();
        assert_eq!(sealed.kind, SecretErrorKind::Unavailable);
    }
}
