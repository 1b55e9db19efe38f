//! Sends forwarded requests to an upstream, with a token in `Authorization`.

use std::sync::Arc;

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
    connector::Connector,
    headers,
    permit::ForwardPermit,
    pool::{CallerName, CallerPools},
    request_body::RequestBody,
};
use crate::{
    body::{BodyObserver, ObservedBody, PolledFrame},
    caller_auth::Caller,
    config::UpstreamConfig,
    error::ErrorResponse,
    limits::Limits,
};

/// A service that requests are forwarded to, with the settings of its table in `upstreams`.
pub(crate) struct Upstream {
    name: String,
    base_url: BaseUrl,
    version: Version,
    /// The name of an identity, and the identity. The token of this identity is attached to
    /// requests. `None` if the upstream gets only tokens that clients send.
    identity: Option<(String, ManagedIdentity)>,
    /// Whether the token that a client sends in `Authorization` is forwarded instead of the
    /// identity's token.
    propagate: bool,
    /// Sends requests without attaching a token.
    plain: CallerPools,
    /// Attaches the token of the identity to requests, and sends the requests. `None` if the
    /// upstream has no identity.
    with_token: Option<AttachToken<CallerPools>>,
    limits: Limits,
}

/// Filters the trailers of an upstream's response, and holds the permit of the request.
struct DownloadObserver {
    _permit: ForwardPermit,
}

impl BodyObserver for DownloadObserver {
    fn observe(&mut self, _: bool, polled: PolledFrame) -> PolledFrame {
        polled.map_ok(headers::filter_trailers)
    }
}

impl Upstream {
    /// Creates the upstream `name` at the base URL `base`. The upstream keeps at most
    /// `idle_connections` idle connections for each caller.
    pub(crate) fn new(
        name: &str,
        config: &UpstreamConfig,
        base: &Url,
        tls: ClientConfig,
        identity: Option<(String, ManagedIdentity)>,
        limits: Limits,
        idle_connections: usize,
    ) -> Result<Self, BoxError> {
        let base_url = BaseUrl::new(base)?;
        let connector = Connector::new(base_url.root().clone(), tls, config.http2, &limits)?;
        let plain = CallerPools::new(connector, idle_connections);
        // Plain `http` is allowed here, because the configuration has already been checked for
        // `danger_plain_http`.
        let origins = AllowedOrigins::danger_plain_http([Origin::of(base)?.to_string()])?;
        let attach = |(_, identity): &(_, ManagedIdentity)| {
            AttachTokenLayer::new(identity.clone(), origins).layer(plain.clone())
        };
        Ok(Self {
            name: name.to_owned(),
            base_url,
            version: if config.http2 { Version::HTTP_2 } else { Version::HTTP_11 },
            with_token: identity.as_ref().map(attach),
            identity,
            propagate: config.propagate,
            plain,
            limits,
        })
    }

    /// Returns whether `caller` is allowed to use this upstream. This is true in two cases:
    /// - the upstream has no identity;
    /// - the caller is allowed to use the identity with all scopes of the identity.
    pub(super) fn is_allowed_for(&self, caller: &Caller) -> bool {
        self.identity.as_ref().is_none_or(|(name, identity)| {
            caller.may_use(name) && caller.may_request(identity.scopes(), identity.scopes())
        })
    }

    /// Returns the URL of a request to this upstream: the base URL with `path` and `query`
    /// appended.
    ///
    /// # Errors
    /// Returns a 400 if the path could leave the base URL.
    pub(super) fn uri(&self, path: &str, query: Option<&str>) -> Result<Uri, ErrorResponse> {
        let invalid = "invalid path: expected one that begins with `/`, without dot segments";
        self.base_url.uri(path, query).ok_or_else(|| ErrorResponse::invalid(invalid))
    }

    /// Sends `request` with the identity's token or the client's token, and returns the response of
    /// the upstream. The bodies of request and response hold `permit` until these bodies have
    /// ended.
    ///
    /// # Errors
    /// Returns an error response in these cases:
    /// - the upstream needs a token of the client, and the request has none (401);
    /// - no token could be fetched (502, 503);
    /// - the upstream sends no valid response (502);
    /// - the upstream or its token is not available in time (504).
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
        let limits = &self.limits;
        // The timeout for the response begins when the body has been sent, so that a large body or
        // a stream can take any time.
        tokio::select! {
            outcome = self.send(request, permit) => outcome,
            () = progress.timed_out(limits.idle_timeout(), limits.response_timeout()) => Err(self.timed_out()),
        }
    }

    async fn send(
        &self,
        mut request: http::Request<RequestBody>,
        permit: ForwardPermit,
    ) -> Result<Response, ErrorResponse> {
        let has_token = request.headers().contains_key(header::AUTHORIZATION);
        match self.with_token.as_ref().filter(|_| !(self.propagate && has_token)) {
            Some(with_token) => {
                // The client's credentials are for the sidecar, not for the upstream.
                request.headers_mut().remove(header::AUTHORIZATION);
                let response = with_token.clone().oneshot(request).await;
                self.accept(response.map_err(|error| self.token_error(&error))?, permit)
            }
            None if self.propagate && has_token => {
                let response = self.plain.clone().oneshot(request).await;
                self.accept(response.map_err(|error| self.bad_gateway(&with_causes(&error)))?, permit)
            }
            None => {
                let description =
                    "missing token: this upstream needs the caller's access token in Authorization";
                Err(ErrorResponse::unauthorized("Bearer", "invalid_token", description))
            }
        }
    }

    /// Turns an upstream's response into the response to the client, whose body holds `permit`.
    /// Returns a 502 if the length of the upstream's response is ambiguous, or if the upstream
    /// switches protocols.
    fn accept<B>(&self, response: http::Response<B>, permit: ForwardPermit) -> Result<Response, ErrorResponse>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static,
    {
        if response.status().is_informational() {
            return Err(self.bad_gateway("the upstream switched protocols without a request to do so"));
        }
        headers::check_length(response.headers()).map_err(|problem| self.bad_gateway(problem))?;
        let observer = DownloadObserver { _permit: permit };
        let mut response =
            response.map(|body| Body::new(ObservedBody { body: body.map_err(axum::Error::new), observer }));
        headers::prepare_response(response.headers_mut());
        *response.version_mut() = Version::HTTP_11;
        Ok(response)
    }

    fn token_error(&self, error: &BoxError) -> ErrorResponse {
        match (error.downcast_ref::<TokenError>(), &self.identity) {
            (Some(error), Some((_, identity))) => ErrorResponse::token_unavailable(identity, error),
            _ => self.bad_gateway(&with_causes(&**error)),
        }
    }

    fn bad_gateway(&self, error: &str) -> ErrorResponse {
        tracing::warn!(
            target: crate::metrics::TARGET,
            upstream = self.name,
            error,
            "request to upstream failed, responding with status 502"
        );
        ErrorResponse::new(
            StatusCode::BAD_GATEWAY,
            "server_error",
            format!("no valid response from upstream `{}`; see the sidecar's log", self.name),
        )
    }

    fn timed_out(&self) -> ErrorResponse {
        let description = format!("timed out waiting for upstream `{}`, or for its token", self.name);
        ErrorResponse::new(StatusCode::GATEWAY_TIMEOUT, "server_error", description)
    }
}
