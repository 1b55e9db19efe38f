//! A request of the typed HTTP client.

use std::{fmt, future::poll_fn, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use passport_core::{CallerToken, ConfigError, ConfigProblem};
use reqwest::{Body, RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};
use tower_layer::Layer;
use tower_service::Service;

use super::{HttpClientError, ManagedIdentityHttpClient};
use crate::{
    AttachError, AttachTokenLayer, CallerIdentity, Identity,
    attach::{BoxError, destination_of},
};

/// A request of a [`ManagedIdentityHttpClient`] that has not been sent. [`send`](Self::send)
/// sends it.
#[must_use = "a request does nothing until it is sent"]
pub struct ManagedIdentityRequest {
    client: ManagedIdentityHttpClient,
    request: Result<RequestBuilder, HttpClientError>,
    identity: Option<Identity>,
    scopes: Option<String>,
}

impl ManagedIdentityRequest {
    pub(super) fn new(
        client: ManagedIdentityHttpClient,
        request: Result<RequestBuilder, HttpClientError>,
    ) -> Self {
        Self { client, request, identity: None, scopes: None }
    }

    /// Sets the identity whose token is attached to this request. Defaults to the client's
    /// identity.
    pub fn identity(mut self, identity: impl Into<Identity>) -> Self {
        self.identity = Some(identity.into());
        self
    }

    /// Sends this request on behalf of `caller`: the caller's token is attached instead of the
    /// service's own token.
    pub fn caller(self, caller: CallerToken) -> Self {
        self.identity(CallerIdentity::from_token(caller))
    }

    /// Sets the scopes of the token that is attached, separated by spaces. Defaults to the scopes
    /// of the managed identity. Each set of scopes has its own token; see
    /// [`ManagedIdentity::with_scopes`](crate::ManagedIdentity::with_scopes). If the request is
    /// sent with [`caller`](Self::caller), [`send`](Self::send) fails, because the scopes of a
    /// caller's token cannot be changed.
    pub fn scopes(mut self, scopes: impl Into<String>) -> Self {
        self.scopes = Some(scopes.into());
        self
    }

    /// Adds a header to the request. Do not add `Authorization`: the middleware sets this header,
    /// and the request would fail.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N>,
        <HeaderName as TryFrom<N>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.with(|request| request.header(name, value))
    }

    /// Sets the headers in `headers`. They replace the request's headers of the same name.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.with(|request| request.headers(headers))
    }

    /// Appends `query`, serialized as form fields, to the query of the URL.
    pub fn query(self, query: &(impl Serialize + ?Sized)) -> Self {
        self.with(|request| request.query(query))
    }

    /// Sets the body to `body` as JSON, and `Content-Type: application/json`.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.with(|request| request.json(body))
    }

    /// Sets the body of the request. If `body` is a stream ([`Body::wrap`]), it is not buffered,
    /// and the request is not retried.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.with(|request| request.body(body))
    }

    /// Sets the timeout of the request. The timeout includes reading the body of the response, but
    /// not the wait for a token. Defaults to 100 s, with two exceptions:
    ///
    /// - If the body of the request is a stream, there is no default timeout.
    /// - If a [`client`](crate::ManagedIdentityHttpClientBuilder::client) is configured, the
    ///   timeout of that client applies.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|request| request.timeout(timeout))
    }

    /// Applies `change` to reqwest's builder of this request, for settings that have no method
    /// here.
    pub fn with(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = self.request.map(change);
        self
    }

    /// Sends the request and returns the response, whatever its status is. Use
    /// [`Response::error_for_status`] to convert an error status to an error.
    ///
    /// # Errors
    /// Returns [`HttpClientError::Http`] if the HTTP client fails. In this case, the service may
    /// have received the request. With any other variant, nothing was sent.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request. The service may already have received it. A running
    /// token fetch continues, so that the next request can use the token.
    pub async fn send(self) -> Result<Response, HttpClientError> {
        let Self { client, request, identity, scopes } = self;
        let mut request = request?.build().map_err(|error| HttpClientError::InvalidRequest(error.into()))?;
        if request.timeout().is_none() && !is_stream(request.body()) {
            *request.timeout_mut() = client.time_limit;
        }
        let identity = identity.unwrap_or(client.identity);
        let identity = match scopes {
            Some(scopes) => with_scopes(identity, &scopes).map_err(HttpClientError::InvalidScopes)?,
            None => identity,
        };
        let not_allowed = || AttachError::not_allowed(&destination_of(request.url()));
        let sender = client.clients.sender_to(request.url()).ok_or_else(not_allowed)?;
        let layer = AttachTokenLayer::new(identity, client.origins);
        let response = if client.retries {
            call(layer.retry_unauthorized().layer(sender), request).await
        } else {
            call(layer.layer(sender), request).await
        };
        response.map_err(HttpClientError::of)
    }

    /// Sends the request and returns the JSON of the response. A status other than a success (2xx)
    /// is an error.
    ///
    /// # Errors
    /// Returns an [`HttpClientError`] like [`send`](Self::send), and also:
    ///
    /// - [`HttpClientError::Http`] if the status is an error (4xx, 5xx) or the body is not the
    ///   expected JSON;
    /// - [`HttpClientError::Status`] if the status is neither a success nor an error, such as the
    ///   status of a redirect.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request. The service may already have received it.
    pub async fn receive_json<T: DeserializeOwned>(self) -> Result<T, HttpClientError> {
        let response = self.send().await?.error_for_status()?;
        if response.status().is_success() {
            Ok(response.json().await?)
        } else {
            Err(HttpClientError::Status(response.status()))
        }
    }
}

/// Returns whether the body is a stream. A request with a stream has no default timeout, because
/// the duration of a stream is unknown.
fn is_stream(body: Option<&Body>) -> bool {
    body.is_some_and(|body| body.as_bytes().is_none())
}

/// Waits until `service` is ready, and then calls it with `request`.
async fn call<S>(mut service: S, request: reqwest::Request) -> Result<Response, BoxError>
where
    S: Service<reqwest::Request, Response = Response, Error = BoxError>,
{
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

/// Returns a copy of `identity` whose managed identity uses a token for `scopes`. Returns an
/// error if `scopes` is invalid, or if `identity` is only a caller's: the scopes of a caller's
/// token cannot be changed.
fn with_scopes(mut identity: Identity, scopes: &str) -> Result<Identity, ConfigError> {
    let problem = |problem: &dyn fmt::Display| ConfigError::new(vec![ConfigProblem::new("scopes", problem)]);
    let (Identity::Managed(managed) | Identity::CallerOr(_, managed)) = &mut identity else {
        let fixed =
            "the scopes of a caller's token cannot be changed; set scopes for a managed identity only";
        return Err(problem(&fixed));
    };
    *managed = managed.with_scopes(scopes).map_err(|error| problem(&error))?;
    Ok(identity)
}

impl fmt::Debug for ManagedIdentityRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentityRequest")
            .field("identity", &self.identity)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
