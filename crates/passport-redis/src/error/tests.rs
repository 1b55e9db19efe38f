use super::*;

const ENDPOINT: &str = "Redis at cache.internal:6379";

#[test]
fn error_has_no_text_from_the_server() {
    let text = "unknown command 'HELLO', with args beginning with: 'AUTH' 'user' 'hidden'".to_owned();
    for error in [
        RedisError::from((ErrorKind::Extension, "An error was signalled by the server", text.clone())),
        RedisError::from((ErrorKind::Io, "Failed to create initial connections", text)),
    ] {
        let error = store_error(&error, &ENDPOINT);
        let message = passport_core::with_causes(&error);
        assert!(!format!("{error:?} {message}").contains("hidden"), "{message}");
    }
}

#[test]
fn error_names_the_server_and_the_reason() {
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let error = store_error(&refused.into(), &ENDPOINT);
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().starts_with("Redis at cache.internal:6379: "), "{cause}");
    assert!(cause.to_string().contains("refused"), "{cause}");
    assert!(error.to_string().contains("check that it runs"), "{error}");
    assert!(cause.source().is_some_and(<dyn std::error::Error>::is::<RedisError>), "{cause}");
}

#[test]
fn untrusted_certificate_is_named_as_the_cause() {
    let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let error =
        store_error(&std::io::Error::new(std::io::ErrorKind::InvalidData, untrusted).into(), &ENDPOINT);
    assert!(error.to_string().contains("no TLS session with Redis"), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with(ENDPOINT) && cause.contains("its issuer is unknown"), "{cause}");
    assert!(passport_core::chain(&error).any(<dyn std::error::Error>::is::<rustls::Error>), "{error:?}");
}
