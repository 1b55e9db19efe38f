use super::*;

const ADDRESS: &str = "https://vault.example.com";

fn kind(status: u16, content: &VaultErrorResponse) -> SecretErrorKind {
    VaultError::response(ADDRESS, StatusCode::from_u16(status).unwrap(), content, None).kind
}

fn errors() -> VaultErrorResponse {
    VaultErrorResponse::Errors(vec!["on purpose".to_owned()])
}

#[test]
fn only_vault_itself_is_definitive() {
    for (status, by_vault) in [
        (400, SecretErrorKind::Unreadable),
        (403, SecretErrorKind::Forbidden),
        (404, SecretErrorKind::Unreadable),
        (412, SecretErrorKind::Unavailable),
        (472, SecretErrorKind::Unavailable),
        (500, SecretErrorKind::Unavailable),
        (503, SecretErrorKind::Unavailable),
    ] {
        assert_eq!(kind(status, &errors()), by_vault, "{status}");
        assert_eq!(
            kind(status, &VaultErrorResponse::NotVault),
            SecretErrorKind::Unavailable,
            "{status} of a proxy"
        );
    }
    assert_eq!(kind(404, &VaultErrorResponse::NoSecret), SecretErrorKind::NotFound);
    for content in [VaultErrorResponse::NotVault, errors()] {
        assert_eq!(kind(429, &content), SecretErrorKind::Throttled);
    }
}

#[test]
fn login_error_is_not_definitive() {
    let rejected = VaultError::response(ADDRESS, StatusCode::FORBIDDEN, &errors(), None).into_login_error();
    assert_eq!(rejected.kind, SecretErrorKind::Unauthenticated);
    let sealed =
        VaultError::response(ADDRESS, StatusCode::SERVICE_UNAVAILABLE, &errors(), None).into_login_error();
    assert_eq!(sealed.kind, SecretErrorKind::Unavailable);
}

#[test]
fn login_without_a_response_keeps_its_kind() {
    use passport_core::{TlsFailure, TransportErrorKind as Kind};
    for (transport, kind) in [
        (Kind::NotHttp, SecretErrorKind::Unreadable),
        (Kind::Setup, SecretErrorKind::Unreadable),
        (Kind::Connect, SecretErrorKind::Unavailable),
        (Kind::Tls(TlsFailure::UnknownIssuer), SecretErrorKind::Tls(TlsFailure::UnknownIssuer)),
    ] {
        let failure = VaultError::unreachable(ADDRESS, TransportError::new(transport)).into_login_error();
        assert_eq!(failure.kind, kind, "{failure}");
    }
}
