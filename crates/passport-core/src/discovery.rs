use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::ACCEPT};
use serde::Deserialize;
use url::Url;

use crate::{Issuer, Origin, ResponseLimits, Transport, TransportError, request_to, with_causes};

/// The maximum size of a discovery document, in bytes. A larger response is rejected.
const MAX_BODY: usize = 64 * 1024;

/// The validated members of an issuer's discovery document that this project uses, and the URL
/// of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderMetadata {
    /// The URL from which the discovery document was fetched.
    pub discovery_url: Url,
    /// The URL of the issuer's signing keys (JWKS), on the issuer's origin.
    pub jwks_uri: Url,
}

/// Fetches and validates the discovery document of `issuer`.
///
/// - The first request is to the first of the [`Issuer::discovery_urls`].
/// - If the issuer sends an HTTP response, but not with a valid document, there is a second
///   request, to the second of these URLs.
/// - If no HTTP response is received, there is no second request.
///
/// `timeout` is the time limit of each request.
///
/// A document is valid only if
/// - its `issuer` is equal to the configured issuer ([RFC 8414, section
///   3.3](https://www.rfc-editor.org/rfc/rfc8414#section-3.3)), and
/// - its `jwks_uri` is on the issuer's origin. Otherwise an attacker who can change the document
///   could add keys from another server.
///
/// # Errors
/// When no valid document was fetched. After two requests, the error is the error of the first
/// request. If the first response had status 404, the error is the error of the second request.
///
/// # Cancel safety
/// Dropping the future cancels the request. No state is kept.
pub async fn discover(
    transport: &Transport,
    issuer: &Issuer,
    timeout: Duration,
) -> Result<ProviderMetadata, DiscoveryError> {
    let mut outcome = Err(DiscoveryError::NotFound);
    for url in issuer.discovery_urls() {
        outcome = match (outcome, read(transport, issuer, url, timeout).await) {
            (Err(first), Err(_)) if !matches!(first, DiscoveryError::NotFound) => Err(first),
            (_, latest) => latest,
        };
        if !outcome.as_ref().is_err_and(DiscoveryError::is_response) {
            break;
        }
    }
    outcome
}

async fn read(
    transport: &Transport,
    issuer: &Issuer,
    url: Url,
    timeout: Duration,
) -> Result<ProviderMetadata, DiscoveryError> {
    let mut request = request_to(&url, Bytes::new())?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = transport.send(request, ResponseLimits { timeout, max_body: MAX_BODY }).await?;
    match response.status() {
        StatusCode::OK => check(issuer, url, response.body()),
        StatusCode::NOT_FOUND => Err(DiscoveryError::NotFound),
        status => Err(DiscoveryError::Status(status)),
    }
}

#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    jwks_uri: String,
}

fn check(issuer: &Issuer, discovery_url: Url, body: &[u8]) -> Result<ProviderMetadata, DiscoveryError> {
    let document: DiscoveryDocument =
        serde_json::from_slice(body).map_err(|_| DiscoveryError::InvalidDocument)?;
    if document.issuer != issuer.id() {
        return Err(DiscoveryError::IssuerMismatch { expected: issuer.id().to_owned() });
    }
    let jwks_uri = Url::parse(&document.jwks_uri).map_err(|_| DiscoveryError::JwksUriNotAllowed)?;
    if Origin::of(&jwks_uri).ok() != Some(issuer.origin()) {
        return Err(DiscoveryError::JwksUriNotAllowed);
    }
    Ok(ProviderMetadata { discovery_url, jwks_uri })
}

/// The error of [`discover`]. `Debug` prints the message and its causes.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The `issuer` in the document is not equal to the configured issuer.
    #[error(
        "the discovery document has another issuer than the configured `{expected}`; both must be equal \
         byte for byte, including a trailing slash"
    )]
    IssuerMismatch {
        /// The configured issuer.
        expected: String,
    },
    /// The `jwks_uri` is malformed, or not on the issuer's origin.
    #[error(
        "the jwks_uri in the discovery document is not on the issuer's origin; if that is intended, \
         set jwks_url, and danger_plain_http if the URL is plain http"
    )]
    JwksUriNotAllowed,
    /// The response is not JSON with the members `issuer` and `jwks_uri`.
    #[error(
        "the response is not a discovery document; check the issuer's URL, and whether a proxy \
         responded instead"
    )]
    InvalidDocument,
    /// The issuer responded with status 404 to the requests for both URLs of the discovery
    /// document.
    #[error("no discovery document found below the issuer's URL; check the URL or set jwks_url")]
    NotFound,
    /// The issuer responded with a status other than 200 and 404.
    #[error(
        "the issuer responded with status {0} to the discovery request: expected 200 or 404, check the issuer"
    )]
    Status(StatusCode),
    /// No response was received, or a response that cannot be used.
    #[error("the discovery request failed: {0}")]
    Transport(#[from] TransportError),
}

impl DiscoveryError {
    /// Returns whether the issuer sent an HTTP response, but not with a valid document. If true,
    /// [`discover`] requests the other URL.
    fn is_response(&self) -> bool {
        match self {
            Self::Transport(error) => error.kind().is_response(),
            _ => true,
        }
    }
}

/// Prints the message and its causes, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}

#[cfg(test)]
mod tests;
