//! A typed client of one service: `reqwest::Client` inside the middleware.

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
/// [`ManagedIdentity`](crate::ManagedIdentity), or the caller's.
///
/// Corresponds to the .NET class of the same name. Cheap to clone; clones share the connections
/// and the token.
///
/// Paths are resolved against the base URL like the links of a web page ([RFC 3986, section
/// 5](https://www.rfc-editor.org/rfc/rfc3986#section-5)): `/api/accounts` starts at the host,
/// `accounts` starts at the path of the base URL. A URL of another origin is rejected, unless
/// [`also_allow`](ManagedIdentityHttpClientBuilder::also_allow) permits it. A path that URL
/// parsers would change, for example one with dot segments, is rejected ([`InvalidPath`]).
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
    /// The timeout of requests that set none. `None` with a client that the user configured, which
    /// has its own.
    time_limit: Option<Duration>,
    identity: Identity,
    origins: AllowedOrigins,
    retries: bool,
}

impl ManagedIdentityHttpClient {
    /// Creates a client of the service at `base_url`, which attaches the tokens of `identity`.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if `base_url` is not an absolute `https` URL (`http` for a
    /// loopback host), or if the machine has no root certificates.
    pub fn new(identity: impl Into<Identity>, base_url: &str) -> Result<Self, ConfigError> {
        Self::builder(identity, base_url).build()
    }

    /// Creates a builder for a client of the service at `base_url`.
    pub fn builder(identity: impl Into<Identity>, base_url: &str) -> ManagedIdentityHttpClientBuilder {
        ManagedIdentityHttpClientBuilder::new(identity.into(), base_url)
    }

    /// Returns the identity of requests that do not set another one.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Waits until the service's own identity has a token. See
    /// [`ManagedIdentity::ready`](crate::ManagedIdentity::ready). Returns immediately if the client
    /// uses callers' tokens only.
    ///
    /// # Errors
    /// Returns a [`TokenError`] like [`ManagedIdentity::ready`](crate::ManagedIdentity::ready).
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other callers can share it.
    pub async fn ready(&self) -> Result<(), TokenError> {
        match self.identity.managed() {
            Some(identity) => identity.ready().await,
            None => Ok(()),
        }
    }

    /// Creates a GET request to `path`, which [`send`](ManagedIdentityRequest::send) sends.
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
    /// An invalid `path` makes [`send`](ManagedIdentityRequest::send) fail. So does a path that URL
    /// parsers would change ([`InvalidPath`]): the request would be sent to another path than the
    /// one that your code validated.
    pub fn request(&self, method: Method, path: &str) -> ManagedIdentityRequest {
        ManagedIdentityRequest::new(self.clone(), self.checked_request(method, path))
    }

    fn checked_request(&self, method: Method, path: &str) -> Result<RequestBuilder, HttpClientError> {
        path::check(path)?;
        let url = self.base.join(path).map_err(|error| HttpClientError::InvalidRequest(error.into()))?;
        let destination = destination_of(&url);
        if destination == Destination::WithUserInfo {
            // reqwest would convert it to an `Authorization` header.
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
    /// status other than a success (2xx) is an error. For a response without a body, such as 204,
    /// use `post(path).json(body).send()`.
    ///
    /// # Errors
    /// Returns an [`HttpClientError`] like [`ManagedIdentityRequest::receive_json`].
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request, which the service may already have received.
    pub async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, HttpClientError> {
        self.post(path).json(body).receive_json().await
    }
}
