use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{Request, Response};

use super::*;
use crate::transport::{HttpClient, TransportErrorKind};

fn url() -> Url {
    Url::parse("https://passport.bizfirst.ai/passport/.well-known/openid-configuration").unwrap()
}

fn issuer() -> Issuer {
    Issuer::new("https://passport.bizfirst.ai").unwrap()
}

fn checked(issuer: &str, jwks_uri: &str) -> Result<ProviderMetadata, DiscoveryError> {
    let body = serde_json::json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
    check(&self::issuer(), url(), body.as_bytes())
}

#[test]
fn document_of_the_issuer_is_accepted() {
    assert!(checked("https://passport.bizfirst.ai", "https://passport.bizfirst.ai/keys").is_ok());
}

#[test]
fn issuer_that_differs_by_a_slash_is_rejected() {
    let result = checked("https://passport.bizfirst.ai/", "https://passport.bizfirst.ai/keys");
    assert!(matches!(result, Err(DiscoveryError::IssuerMismatch { .. })));
}

#[test]
fn keys_of_another_origin_are_rejected() {
    for uri in ["https://evil.example/keys", "http://passport.bizfirst.ai/keys", "file:///keys", "keys"] {
        let result = checked("https://passport.bizfirst.ai", uri);
        assert!(matches!(result, Err(DiscoveryError::JwksUriNotAllowed)), "{uri}");
    }
}

/// A server that fails the first request with an error of the given kind, and responds to the
/// second request without a document. It counts the requests.
#[derive(Clone, Debug)]
struct Failing(TransportErrorKind, Arc<AtomicUsize>);

impl HttpClient for Failing {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        match self.1.fetch_add(1, Ordering::SeqCst) {
            0 => Err(TransportError::new(self.0)),
            _ => Ok(Response::new(Bytes::new())),
        }
    }
}

#[tokio::test]
async fn second_location_is_tried_only_after_a_response() {
    for (kind, requests) in [
        (TransportErrorKind::Connect, 1),
        (TransportErrorKind::TooLarge, 2),
        (TransportErrorKind::Timeout, 1),
    ] {
        let server = Failing(kind, Arc::default());
        let transport = Transport::new(server.clone());
        let error = discover(&transport, &issuer(), Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(error, DiscoveryError::Transport(error) if error.kind() == kind), "{kind:?}");
        assert_eq!(server.1.load(Ordering::SeqCst), requests, "{kind:?}");
    }
}

/// A server that responds with the given document.
#[derive(Debug)]
struct Serving(String);

impl HttpClient for Serving {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        Ok(Response::new(self.0.clone().into()))
    }
}

#[tokio::test]
async fn document_of_at_most_64_kib_is_read() {
    let issuer = issuer();
    let document =
        serde_json::json!({ "issuer": issuer.id(), "jwks_uri": "https://passport.bizfirst.ai/keys" });
    let document = document.to_string();
    for (length, is_read) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let padding = " ".repeat(length - document.len());
        let transport = Transport::new(Serving(format!("{document}{padding}")));
        let metadata = discover(&transport, &issuer, Duration::from_secs(1)).await;
        assert_eq!(metadata.is_ok(), is_read, "{length}");
    }
}

#[test]
fn debug_of_the_error_is_its_message() {
    let error = DiscoveryError::from(TransportError::new(TransportErrorKind::Dns));
    assert_eq!(format!("{error:?}"), "the discovery request failed: the host name could not be resolved");
}
