use azure_core::http::headers::Headers;

use super::*;

const HOST: &str = "contoso.vault.azure.net";

fn kind_of(error: &Error) -> SecretErrorKind {
    secret_error(&"azure:payroll".parse().unwrap(), HOST, error).kind()
}

fn response(status: StatusCode, body: &'static str) -> Error {
    let raw_response = Some(Box::new(RawResponse::from_bytes(status, Headers::new(), body)));
    ErrorKind::HttpResponse { status, error_code: None, raw_response }.into_error()
}

#[test]
fn transient_token_failure_is_unavailable() {
    for (cause, kind) in [
        (response(StatusCode::ServiceUnavailable, ""), SecretErrorKind::Unavailable),
        (response(StatusCode::Gone, ""), SecretErrorKind::Unavailable),
        (ErrorKind::Connection.into_error(), SecretErrorKind::Unavailable),
        (response(StatusCode::Unauthorized, "{}"), SecretErrorKind::Unauthenticated),
    ] {
        assert_eq!(kind_of(&Error::with_error(ErrorKind::Credential, cause, "no token")), kind);
    }
}

#[test]
fn transient_federated_token_failure_keeps_its_kind() {
    for (kind, expected) in [
        (SecretErrorKind::Unavailable, SecretErrorKind::Unavailable),
        (SecretErrorKind::Throttled, SecretErrorKind::Throttled),
        (SecretErrorKind::NotFound, SecretErrorKind::Unauthenticated),
    ] {
        let file = SecretError::new(kind, "file:/token".parse().unwrap(), "on purpose");
        let assertion = Error::new(ErrorKind::Credential, file);
        let error = Error::with_error(ErrorKind::Credential, assertion, "no assertion");
        assert_eq!(kind_of(&error), expected);
    }
}

#[test]
fn only_the_vault_itself_is_definitive() {
    use SecretErrorKind::{Disabled, Forbidden, NotFound, Unavailable};
    for (status, body, kind) in [
        (StatusCode::Forbidden, "<html>no</html>", Unavailable),
        (StatusCode::Forbidden, r#"{"error":{"code":"Forbidden"}}"#, Unavailable),
        (StatusCode::Forbidden, r#"{"error":{"innererror":{"code":"ForbiddenByFirewall"}}}"#, Unavailable),
        (StatusCode::Forbidden, r#"{"error":{"innererror":{"code":"ForbiddenByRbac"}}}"#, Forbidden),
        (StatusCode::Forbidden, r#"{"error":{"innererror":{"code":"AccessDenied"}}}"#, Forbidden),
        (StatusCode::Forbidden, r#"{"error":{"innererror":{"code":"SecretDisabled"}}}"#, Disabled),
        (StatusCode::NotFound, r#"{"error":{"code":"NoSuchRoute"}}"#, Unavailable),
        (StatusCode::NotFound, r#"{"error":{"code":"SecretNotFound"}}"#, NotFound),
    ] {
        assert_eq!(kind_of(&response(status, body)), kind, "{body}");
    }
}

#[test]
fn not_found_of_a_credential_is_unauthenticated() {
    let cause = response(StatusCode::NotFound, r#"{"error":{"code":"SecretNotFound"}}"#);
    let error = Error::with_error(ErrorKind::Credential, cause, "no token");
    assert_eq!(kind_of(&error), SecretErrorKind::Unauthenticated);
}

#[test]
fn response_that_is_not_from_the_vault_is_not_quoted() {
    let error = Error::with_message(ErrorKind::DataConversion, "invalid type: string hidden");
    let error = secret_error(&"azure:payroll".parse().unwrap(), HOST, &error);
    assert!(!format!("{error} {error:?}").contains("hidden"));
}
