//! Tests of failures without a response: their kind, whether they are transient, and the
//! message.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{HttpClient, ResponseLimits, SecretSource, TlsFailure, Transport};

use super::*;
use crate::{ManagedIdentity, TokenError};

fn error(kind: TransportErrorKind) -> TokenError {
    let error = TransportError::new(kind).with_source(io::Error::from(io::ErrorKind::ConnectionRefused));
    TokenError::new(&"mi".parse().unwrap(), no_response(error))
}

#[test]
fn message_names_the_transport_failure() {
    use TokenErrorKind::{InvalidResponse, Misconfigured, Tls, Unavailable};
    for (kind, expected, is_transient, problem) in [
        (
            TransportErrorKind::Tls(TlsFailure::UnknownIssuer),
            Tls(TlsFailure::UnknownIssuer),
            false,
            "no token for `mi`: the server's certificate is not trusted",
        ),
        (
            TransportErrorKind::Tls(TlsFailure::NoRootCertificates),
            Tls(TlsFailure::NoRootCertificates),
            false,
            "no token for `mi`: this machine has no root certificates",
        ),
        (TransportErrorKind::NotHttp, Misconfigured, false, "check the scheme and the port of the URL"),
        (TransportErrorKind::Setup, Misconfigured, false, "the HTTP request cannot be made"),
        (TransportErrorKind::UnexpectedEncoding("gzip"), InvalidResponse, false, "compressed (gzip)"),
        (TransportErrorKind::TooLarge, InvalidResponse, false, "larger than allowed"),
        (TransportErrorKind::Connect, Unavailable, true, "(connection refused)"),
        (TransportErrorKind::Dns, Unavailable, true, "the host name could not be resolved"),
        (TransportErrorKind::Timeout, Unavailable, true, "no complete response within the time limit"),
        (TransportErrorKind::ConnectionClosed, Unavailable, true, "the connection was closed"),
    ] {
        let error = error(kind);
        assert_eq!((error.kind(), error.is_transient()), (expected, is_transient), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
        assert!(std::error::Error::source(&error).is_some(), "{error}");
    }
}

#[tokio::test]
async fn message_names_the_time_limit_of_the_fetch() {
    let late = tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err();
    let failure = FetchFailure::of(TokenErrorKind::Unavailable).with_source(late);
    let text = TokenError::new(&"mi".parse().unwrap(), failure).to_string();
    assert!(text.contains("Passport is unavailable: no result within the time limit; "), "{text}");
}

#[derive(Debug)]
struct Failing(TransportErrorKind);

impl HttpClient for Failing {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        Err(TransportError::new(self.0))
    }
}

#[tokio::test(start_paused = true)]
async fn ready_returns_a_permanent_transport_failure() {
    for kind in [
        TransportErrorKind::Tls(TlsFailure::NoRootCertificates),
        TransportErrorKind::NotHttp,
        TransportErrorKind::Setup,
    ] {
        let identity = ManagedIdentity::builder("mi", SecretSource::from_value("secret"))
            .transport(Transport::new(Failing(kind)))
            .build()
            .unwrap();
        let ready = tokio::time::timeout(Duration::from_secs(600), identity.ready()).await;
        assert_eq!(ready.unwrap().unwrap_err().kind(), no_response(TransportError::new(kind)).kind);
    }
}
