use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::ACCEPT};
use serde::Deserialize;
use url::Url;

use crate::{Issuer, Origin, ResponseLimits, Transport, TransportError, request_to};

/// The largest document that is read, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The checked members of an issuer's discovery document that are used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderMetadata {
    /// The URL of the document.
    pub discovery_url: Url,
    /// Where the signing keys are; of the issuer's own origin.
    pub jwks_uri: Url,
}

/// Reads the discovery document of `issuer`: below `/passport/` first, and at the root when the
/// answer there is anything but the document. Each of the two requests may take `timeout`. A
/// request without an answer is not repeated at the root.
///
/// The document must name the very issuer it was asked for
/// ([RFC 8414, section 3.3](https://www.rfc-editor.org/rfc/rfc8414#section-3.3)), and its `jwks_uri` must be of the
/// issuer's origin, so that whoever can edit the document cannot bring in keys from elsewhere.
///
/// # Errors
/// When no document can be had, or it says something that is not accepted. When both locations
/// answer with something else, the error is that of the first one, unless it is a 404.
///
/// # Cancel safety
/// Dropping the future ends the exchange; nothing is kept.
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

/// Why [`discover`] gave nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The document names another issuer than the one it was asked for.
    #[error(
        "the discovery document names another issuer than `{expected}`; compare them byte for byte, a slash at the end included"
    )]
    IssuerMismatch {
        /// The configured issuer.
        expected: String,
    },
    /// `jwks_uri` is missing, malformed or of another origin than the issuer.
    #[error(
        "the discovery document's jwks_uri is not of the issuer's own origin; set jwks_url if that is \
         intended, and danger_plain_http if it is plain http"
    )]
    JwksUriNotAllowed,
    /// The answer is not a discovery document.
    #[error(
        "the response is not a discovery document; check the issuer's URL, and whether a proxy answers instead"
    )]
    InvalidDocument,
    /// No document at either place.
    #[error("there is no discovery document below the issuer; check the issuer's URL or set jwks_url")]
    NotFound,
    /// An answer that is neither 200 nor 404.
    #[error("discovery was answered with status {0}")]
    Status(StatusCode),
    /// No complete answer.
    #[error("discovery failed: {0}")]
    Transport(#[from] TransportError),
}

impl DiscoveryError {
    /// Whether the location answered, with something else than the document.
    fn is_response(&self) -> bool {
        match self {
            Self::Transport(error) => error.kind().is_response(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
