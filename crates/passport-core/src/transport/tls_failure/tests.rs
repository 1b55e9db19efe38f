use std::io;

use super::*;

#[test]
fn failure_is_found_at_any_depth() {
    for (error, failure) in [
        (CertificateError::UnknownIssuer, TlsFailure::UnknownIssuer),
        (CertificateError::BadSignature, TlsFailure::UnknownIssuer),
        (CertificateError::Expired, TlsFailure::Expired),
        (CertificateError::Revoked, TlsFailure::BadCertificate),
    ] {
        let inner = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
        assert_eq!(TlsFailure::find(&io::Error::other(inner)), Some(failure));
    }
    assert_eq!(TlsFailure::find(&io::Error::other("another")), None);
}
