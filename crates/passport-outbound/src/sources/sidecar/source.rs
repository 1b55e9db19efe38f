//! Requests tokens from a sidecar.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header::CONTENT_TYPE};
use passport_core::{
    AccessToken, ClientId, Clock, Hex, ResponseLimits, Scopes, SharedClock, TransportError, request_to,
};

use super::{
    super::{
        token_response::{self, MAX_RESPONSE},
        transport_failure::no_response,
    },
    SidecarEndpoint,
};
use crate::token::{FetchFailure, FetchFuture, FetchRequest, FetchedToken, TokenErrorKind, TokenSource};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Fetches the tokens of an identity from a sidecar.
pub(crate) struct SidecarSource {
    pub(crate) sidecar: SidecarEndpoint,
    pub(crate) client_id: ClientId,
    pub(crate) scopes: Scopes,
    /// The time limit of one request to the sidecar.
    pub(crate) timeout: Duration,
    pub(crate) clock: SharedClock,
}

impl TokenSource for SidecarSource {
    fn fetch(&self, request: FetchRequest) -> FetchFuture<'_> {
        Box::pin(async move { Ok(self.fetch_token(request).await?) })
    }
}

impl SidecarSource {
    /// Requests a token from the sidecar. If a token is excluded, requests the replacement of that
    /// token.
    async fn fetch_token(&self, fetch: FetchRequest) -> Result<FetchedToken, FetchFailure> {
        let requested_at = self.clock.now();
        let request = match &fetch.excluded {
            Some(excluded) => self.refresh_request(excluded),
            None => self.token_request(fetch.current.as_ref().map(|current| {
                // The minimum lifetime is longer than the time that the current token has left, so
                // that the sidecar returns another token. The 3 s compensate for the rounding to
                // seconds on both sides.
                current.expires_at().duration_since(requested_at).unwrap_or_default() + Duration::from_secs(3)
            })),
        };
        let mut request = request.map_err(no_response)?;
        let limits = ResponseLimits { timeout: self.timeout, max_body: MAX_RESPONSE };
        request.headers_mut().insert("passport-sidecar", HeaderValue::from_static("true"));
        if let Some(token) = &self.sidecar.auth_token {
            let token = token.resolve().await.map_err(FetchFailure::secret)?;
            let value = HeaderValue::from_str(token.secret().expose());
            let mut value = value
                .map_err(|error| FetchFailure::of(TokenErrorKind::SecretUnavailable).with_source(error))?;
            value.set_sensitive(true);
            request.headers_mut().insert("passport-sidecar-token", value);
        }
        let response = self.sidecar.transport.send(request, limits).await.map_err(no_response)?;
        token_response::read(&response, &self.scopes, requested_at)
    }

    /// Builds the request `GET /v1/token` for a token with at least `min_ttl` left. If `min_ttl` is
    /// `None`, the request states no minimum.
    fn token_request(&self, min_ttl: Option<Duration>) -> Result<Request<Bytes>, TransportError> {
        let mut url = self.sidecar.base.clone();
        url.set_path("/v1/token");
        url.query_pairs_mut()
            .append_pair("identity", self.client_id.as_str())
            .append_pair("scope", &self.scopes.to_string());
        if let Some(min_ttl) = min_ttl {
            url.query_pairs_mut().append_pair("min_ttl", &min_ttl.as_secs().to_string());
        }
        request_to(&url, Bytes::new())
    }

    /// Builds the request `POST /v1/token/refresh`, which makes the sidecar replace the token
    /// `rejected`. The request contains only the digest of that token.
    fn refresh_request(&self, rejected: &AccessToken) -> Result<Request<Bytes>, TransportError> {
        let mut url = self.sidecar.base.clone();
        url.set_path("/v1/token/refresh");
        let digest = digest(&SHA256, rejected.expose().as_bytes());
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("identity", self.client_id.as_str())
            .append_pair("scope", &self.scopes.to_string())
            .append_pair("rejected", &Hex(digest.as_ref()).to_string())
            .finish();
        let mut request = request_to(&url, form.into())?;
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, FORM);
        Ok(request)
    }
}
