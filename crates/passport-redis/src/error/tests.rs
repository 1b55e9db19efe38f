use super::*;

#[test]
fn text_from_the_server_is_not_repeated() {
    let text = "unknown command 'HELLO', with args beginning with: 'AUTH' 'user' 'hidden'".to_owned();
    for error in [
        RedisError::from((ErrorKind::Extension, "An error was signalled by the server", text.clone())),
        RedisError::from((ErrorKind::Io, "Failed to create initial connections", text)),
    ] {
        let error = store_error(&error);
        let message = passport_core::with_causes(&error);
        assert!(!format!("{error:?} {message}").contains("hidden"), "{message}");
    }
}

#[test]
fn text_from_the_operating_system_is_repeated() {
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let error = store_error(&refused.into());
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().contains("refused"), "{cause}");
    assert!(cause.source().is_some_and(<dyn std::error::Error>::is::<RedisError>), "{cause}");
}

#[test]
fn untrusted_certificate_is_no_outage() {
    let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let error = store_error(&std::io::Error::new(std::io::ErrorKind::InvalidData, untrusted).into());
    assert!(error.to_string().contains("no TLS session with Redis"), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("its issuer is unknown"), "{cause}");
    assert!(passport_core::chain(&error).any(<dyn std::error::Error>::is::<rustls::Error>), "{error:?}");
}
