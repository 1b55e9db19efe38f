use super::*;

#[test]
fn error_code_determines_the_kind() {
    for (status, code, message, expected) in [
        (400, "ResourceNotFoundException", "", SecretErrorKind::NotFound),
        (400, "InvalidRequestException", "it was marked for deletion", SecretErrorKind::Disabled),
        (400, "InvalidRequestException", "no", SecretErrorKind::Unreadable),
        (400, "AccessDeniedException", "", SecretErrorKind::Forbidden),
        (400, "ExpiredTokenException", "", SecretErrorKind::Unauthenticated),
        (403, "", "", SecretErrorKind::Unauthenticated),
        (400, "ThrottlingException", "", SecretErrorKind::Throttled),
        (429, "", "", SecretErrorKind::Throttled),
        (500, "InternalServiceError", "", SecretErrorKind::Unavailable),
        (400, "DecryptionFailure", "", SecretErrorKind::Unreadable),
    ] {
        assert_eq!(kind(status, code, message), expected, "{status} {code}");
    }
}
