//! A typed client of one service, which sends requests with `reqwest::Client` inside the
//! middleware.

mod builder;
mod clients;
mod error;
mod path;
mod request;
mod runtime_clients;
mod tls;

use std::time::Duration;

use http::Method;
use reqwest::RequestBuilder;
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use self::clients::Clients;
pub use self::{
    builder::ManagedIdentityHttpClientBuilder, clients::ClientPool, error::HttpClientError,
    path::InvalidPath, request::ManagedIdentityRequest,
};
use crate::{
    AllowedOrigins, AttachError, ConfigError, Identity, TokenError,
    attach::{Destination, destination_of},
};

/// An HTTP client of one service. Attaches a token to each request: the token of a
/// [`ManagedIdentity`](crate::ManagedIdentity), or the token of the caller of this service.
///
/// Corresponds to the .NET class `ManagedIdentityHttpClient`. Cheap to clone; clones of a client
/// share its connections and its token.
///
/// Paths are resolved against the base URL like the links of a web page ([RFC 3986, section
/// 5](https://www.rfc-editor.org/rfc/rfc3986#section-5)):
///
/// - `/api/accounts` is relative to the host.
/// - `accounts` is relative to the path of the base URL.
/// - A URL of another origin is rejected, unless
///   [`also_allow`](ManagedIdentityHttpClientBuilder::also_allow) permits it.
/// - A path that URL parsers would change, for example a path with dot segments, is rejected
///   ([`InvalidPath`]).
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use passport_outbound::{ManagedIdentity, ManagedIdentityHttpClient, SecretSource};
///
/// let secret = SecretSource::env("ERP_SYNC_SECRET");
/// let identity = ManagedIdentity::builder("mi-erp-sync-clientid", secret).build()?;
/// let erp = ManagedIdentityHttpClient::new(identity, "https://api.bizfirst.ai")?;
///
/// let accounts: serde_json::Value = erp.get_json("/api/erp/accounts?since=2026-05-01").await?;
/// # let _ = accounts;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ManagedIdentityHttpClient {
    clients: Clients,
    base: Url,
    /// The timeout of requests that set none. `None` if the user configured a reqwest client,
    /// because that client has its own timeout.
    time_limit: Option<Duration>,
    identity: Identity,
    origins: AllowedOrigins,
    retries: bool,
}

impl ManagedIdentityHttpClient {
    /// Creates a client of the service at `base_url`. The client attaches tokens of `identity`.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if `base_url` is not an absolute `https` URL (`http` for a
    /// loopback host), or if the machine has no root certificates.
    pub fn new(identity: impl Into<Identity>, base_url: &str) -> Result<Self, ConfigError> {
        Self::builder(identity, base_url).build()
    }

    /// Creates a builder for a client of the service at `base_url`, which attaches tokens of
    /// `identity`.
    pub fn builder(identity: impl Into<Identity>, base_url: &str) -> ManagedIdentityHttpClientBuilder {
        ManagedIdentityHttpClientBuilder::new(identity.into(), base_url)
    }

    /// Returns the client's identity. It applies to each request that does not set another
    /// identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Waits until the client's managed identity has a token. See
    /// [`ManagedIdentity::ready`](crate::ManagedIdentity::ready). If the client uses only callers'
    /// tokens, returns immediately.
    ///
    /// # Errors
    /// Returns a [`TokenError`] like [`ManagedIdentity::ready`](crate::ManagedIdentity::ready).
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other requests can wait for the
    /// same fetch.
    pub async fn ready(&self) -> Result<(), TokenError> {
        match self.identity.managed() {
            Some(identity) => identity.ready().await,
            None => Ok(()),
        }
    }

    /// Creates a GET request to `path`. Nothing is sent until
    /// [`send`](ManagedIdentityRequest::send) is called.
    pub fn get(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::GET, path)
    }

    /// Creates a POST request to `path`.
    pub fn post(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::POST, path)
    }

    /// Creates a PUT request to `path`.
    pub fn put(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::PUT, path)
    }

    /// Creates a PATCH request to `path`.
    pub fn patch(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::PATCH, path)
    }

    /// Creates a DELETE request to `path`.
    pub fn delete(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::DELETE, path)
    }

    /// Creates a request to `path` with any method.
    ///
    /// If `path` is invalid, [`send`](ManagedIdentityRequest::send) fails. It also fails if URL
    /// parsers would change `path` ([`InvalidPath`]): otherwise, the request could be sent to
    /// another path than the one that your code validated.
    pub fn request(&self, method: Method, path: &str) -> ManagedIdentityRequest {
        ManagedIdentityRequest::new(self.clone(), self.checked_request(method, path))
    }

    fn checked_request(&self, method: Method, path: &str) -> Result<RequestBuilder, HttpClientError> {
        path::check(path)?;
        let url = self.base.join(path).map_err(|error| HttpClientError::InvalidRequest(error.into()))?;
        let destination = destination_of(&url);
        if destination == Destination::WithUserInfo {
            // reqwest would convert the user information to an `Authorization` header.
            return Err(AttachError::UserInfoPresent.into());
        }
        let client = self.clients.to(&url).ok_or_else(|| AttachError::not_allowed(&destination))?;
        Ok(client.request(method, url))
    }

    /// Sends a GET request to `path` and returns the JSON of the response. A status other than a
    /// success (2xx) is an error.
    ///
    /// # Errors
    /// Returns an [`HttpClientError`] like [`ManagedIdentityRequest::receive_json`].
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, HttpClientError> {
        self.get(path).receive_json().await
    }

    /// Sends a POST request with `body` as JSON to `path`, and returns the JSON of the response. A
    /// status other than a success (2xx) is an error. If the response has no body, such as a 204,
    /// use `post(path).json(body).send()` instead.
    ///
    /// # Errors
    /// Returns an [`HttpClientError`] like [`ManagedIdentityRequest::receive_json`].
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request. The service may already have received it.
    pub async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, HttpClientError> {
        self.post(path).json(body).receive_json().await
    }
}
