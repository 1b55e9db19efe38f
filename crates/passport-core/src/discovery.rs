use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::ACCEPT};
use serde::Deserialize;
use url::Url;

use crate::{Issuer, Origin, ResponseLimits, Transport, TransportError, request_to, with_causes};

/// The size limit of a discovery document, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The validated contents of an issuer's discovery document: the members that this project uses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderMetadata {
    /// The URL of the document.
    pub discovery_url: Url,
    /// The URL of the signing keys (JWKS), on the issuer's origin.
    pub jwks_uri: Url,
}

/// Fetches and validates the discovery document of `issuer`.
///
/// The first request is to the location below `/passport/`. If the response is anything other
/// than a valid document, the location at the root is tried. If there is no response at all, it
/// is not. Each of the two requests is limited to `timeout`.
///
/// The `issuer` in the document must be equal to the configured one
/// ([RFC 8414, section 3.3](https://www.rfc-editor.org/rfc/rfc8414#section-3.3)), and the
/// `jwks_uri` must be on the issuer's origin, so that an attacker who can change the document
/// cannot add keys from another server.
///
/// # Errors
/// When there is no document, or it is not valid. If both locations respond without a valid
/// document, the error is that of the first, unless that is a 404.
///
/// # Cancel safety
/// Dropping the future cancels the request. No state is kept.
pub async fn discover(
    transport: &Transport,
    issuer: &Issuer,
    timeout: Duration,
) -> Result<ProviderMetadata, DiscoveryError> {
    let [first, second] = issuer.discovery_urls();
    match read(transport, issuer, first, timeout).await {
        Err(error) if error.is_response() => {
            let other = read(transport, issuer, second, timeout).await;
            other.map_err(|other| if matches!(error, DiscoveryError::NotFound) { other } else { error })
        }
        outcome => outcome,
    }
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
    /// The `issuer` in the document is not the configured one.
    #[error(
        "the discovery document has another issuer than `{expected}`; both must be equal byte for \
         byte, including a trailing slash"
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
    /// The response is not a discovery document.
    #[error(
        "the response is not a discovery document; check the issuer's URL, and whether a proxy \
         responded instead"
    )]
    InvalidDocument,
    /// Neither location has a document.
    #[error("no discovery document found below the issuer's URL; check the URL or set jwks_url")]
    NotFound,
    /// The status of the response is neither 200 nor 404.
    #[error("the response to the discovery request has status {0}")]
    Status(StatusCode),
    /// No complete response was received.
    #[error("the discovery request failed: {0}")]
    Transport(#[from] TransportError),
}

impl DiscoveryError {
    /// Returns whether there was a response, but not a valid document.
    fn is_response(&self) -> bool {
        match self {
            Self::Transport(error) => error.kind().is_response(),
            _ => true,
        }
    }
}

/// Prints the message: `main` prints the `Debug` output of an error that it returns.
impl fmt::Debug for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}

#[cfg(test)]
mod tests;
