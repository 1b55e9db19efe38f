use std::{fmt, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, Uri, Version, header};
use http_body_util::BodyExt;
use passport_core::{Origin, with_causes};
use passport_outbound::{AllowedOrigins, AttachToken, AttachTokenLayer, ManagedIdentity, TokenError};
use rustls::ClientConfig;
use tower::{BoxError, Layer, ServiceExt};
use url::Url;

use super::{
    base_url::BaseUrl,
    headers,
    permit::ForwardPermit,
    pool::{CallerName, CallerPools},
    request_body::RequestBody,
};
use crate::{body::hold_until_end, caller_auth::Caller, error::ErrorResponse, limits::Limits};

/// Whose token the requests to an upstream have.
#[derive(Debug)]
pub(crate) enum TokenOwner {
    Identity(String, ManagedIdentity),
    /// The token that each request brings.
    Caller,
    /// The token that a request brings, or else that of an identity.
    CallerOrIdentity(String, ManagedIdentity),
}

/// A service that requests are forwarded to.
pub(crate) struct Upstream {
    name: String,
    base_url: BaseUrl,
    version: Version,
    owner: TokenOwner,
    plain: CallerPools,
    with_token: Option<AttachToken<CallerPools>>,
    idle_time: Duration,
    response_time: Duration,
}

impl Upstream {
    /// Creates the upstream at `base`. With `http2` it is sent HTTP/2 without TLS.
    pub(crate) fn new(
        name: &str,
        base: &Url,
        tls: ClientConfig,
        http2: bool,
        owner: TokenOwner,
        limits: &Limits,
        idle_connections: usize,
    ) -> Result<Self, BoxError> {
        let plain = CallerPools::new(tls, http2, *limits, idle_connections);
        let with_token = match &owner {
            TokenOwner::Identity(_, identity) | TokenOwner::CallerOrIdentity(_, identity) => {
                // The configuration has been checked for plain http.
                let origins = AllowedOrigins::danger_plain_http([Origin::of(base)?.to_string()])?;
                Some(AttachTokenLayer::new(identity.clone(), origins).layer(plain.clone()))
            }
            TokenOwner::Caller => None,
        };
        let version = if http2 { Version::HTTP_2 } else { Version::HTTP_11 };
        let base_url = BaseUrl::new(base)?;
        let (idle_time, response_time) = (limits.idle_time(), limits.response_time());
        Ok(Self {
            name: name.to_owned(),
            base_url,
            version,
            owner,
            plain,
            with_token,
            idle_time,
            response_time,
        })
    }

    /// Returns the identity that callers have to be allowed to use.
    pub(crate) fn identity(&self) -> Option<(&str, &ManagedIdentity)> {
        match &self.owner {
            TokenOwner::Identity(name, identity) | TokenOwner::CallerOrIdentity(name, identity) => {
                Some((name, identity))
            }
            TokenOwner::Caller => None,
        }
    }

    /// Returns the URL of a request, which stays below the base URL.
    ///
    /// # Errors
    /// 400 when the path leads out of it.
    pub(super) fn uri(&self, path: &str, query: Option<&str>) -> Result<Uri, ErrorResponse> {
        let wrong = "the path cannot be passed on: it begins with a slash, and does not lead up";
        self.base_url.uri(path, query).ok_or_else(|| ErrorResponse::invalid(wrong))
    }

    pub(super) async fn call(
        &self,
        caller: &Caller,
        permit: ForwardPermit,
        request: Request,
    ) -> Result<Response, ErrorResponse> {
        let (mut parts, body) = request.into_parts();
        if self.version == Version::HTTP_11 && headers::needs_chunks(&parts.method, &body) {
            parts.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let (body, progress) = RequestBody::watched(body);
        let mut request = http::Request::from_parts(parts, body.holding(permit.clone()));
        *request.version_mut() = self.version;
        request.extensions_mut().insert(CallerName(Arc::clone(&caller.name)));
        // The time for a response begins when the body is sent, so that a large body or a stream
        // may take any time.
        tokio::select! {
            outcome = self.send(request) => outcome.map(|response| hold_until_end(permit, response)),
            () = progress.timed_out(self.idle_time, self.response_time) => Err(self.timed_out()),
        }
    }

    async fn send(&self, mut request: http::Request<RequestBody>) -> Result<Response, ErrorResponse> {
        let has_token = request.headers().contains_key(header::AUTHORIZATION);
        let with_token = match (&self.with_token, &self.owner) {
            (Some(with_token), TokenOwner::Identity(..)) => with_token,
            (Some(with_token), _) if !has_token => with_token,
            (None, _) if !has_token => {
                let description =
                    "this upstream is called in the caller's name; send its token in Authorization";
                return Err(ErrorResponse::unauthorized("Bearer", "invalid_token", description));
            }
            _ => {
                let response = self.plain.clone().oneshot(request).await;
                return self.accept(response.map_err(|error| self.bad_gateway(&with_causes(&error)))?);
            }
        };
        // Credentials of the client are for the sidecar, not for the upstream.
        request.headers_mut().remove(header::AUTHORIZATION);
        let response = with_token.clone().oneshot(request).await;
        self.accept(response.map_err(|error| self.token_error(&error))?)
    }

    /// Turns an upstream's response into a response of the sidecar.
    fn accept<B>(&self, response: http::Response<B>) -> Result<Response, ErrorResponse>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if response.status().is_informational() {
            return Err(self.bad_gateway("the upstream switched protocols, which no request asks for"));
        }
        headers::check_length(response.headers()).map_err(|problem| self.bad_gateway(problem))?;
        let mut response = response.map(|body| Body::new(body.map_frame(headers::filter_trailers)));
        headers::prepare_response(response.headers_mut());
        *response.version_mut() = Version::HTTP_11;
        Ok(response)
    }

    fn token_error(&self, error: &BoxError) -> ErrorResponse {
        let identity = self.identity().map(|(_, identity)| identity);
        match (error.downcast_ref::<TokenError>(), identity) {
            (Some(error), Some(identity)) => ErrorResponse::token_unavailable(identity, error),
            _ => self.bad_gateway(&with_causes(&**error)),
        }
    }

    fn bad_gateway(&self, error: &str) -> ErrorResponse {
        tracing::warn!(
            target: crate::metrics::TARGET,
            upstream = self.name,
            error,
            "request could not be forwarded"
        );
        ErrorResponse::new(
            StatusCode::BAD_GATEWAY,
            "server_error",
            format!("the upstream `{}` did not answer", self.name),
        )
    }

    fn timed_out(&self) -> ErrorResponse {
        let description =
            format!("the upstream `{}` did not answer in time, or there was no token in time", self.name);
        ErrorResponse::new(StatusCode::GATEWAY_TIMEOUT, "server_error", description)
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("name", &self.name)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}
