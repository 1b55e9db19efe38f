//! A typed client of one service: `reqwest::Client` with the middleware around it.

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

/// Calls one service, each request with a token: that of a
/// [`ManagedIdentity`](crate::ManagedIdentity), or the caller's.
///
/// The counterpart of the .NET class of the same name. Cheap to clone; clones share connections and
/// token. Paths are resolved against the base URL as a browser does it ([RFC 3986, section
/// 5](https://www.rfc-editor.org/rfc/rfc3986#section-5)): `/api/accounts` begins at the host,
/// `accounts` below the base URL. A URL of another origin is refused, unless it was
/// [allowed](ManagedIdentityHttpClientBuilder::also_allow). A path with dot segments, or whatever
/// else a URL would change, is refused ([`InvalidPath`]).
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use passport_outbound::{ManagedIdentity, ManagedIdentityHttpClient, SecretSource};
///
/// let identity =
///     ManagedIdentity::builder("mi-erp-sync-clientid", SecretSource::env("ERP_SYNC_SECRET")).build()?;
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
    /// For requests without a timeout of their own.
    time_limit: Option<Duration>,
    identity: Identity,
    origins: AllowedOrigins,
    retries: bool,
}

impl ManagedIdentityHttpClient {
    /// Creates a client of the service at `base_url`, with the tokens of `identity`.
    ///
    /// # Errors
    /// A [`ConfigError`] when `base_url` is not an absolute `https` URL (or one of a loopback
    /// host), or the machine lacks what TLS needs.
    pub fn new(identity: impl Into<Identity>, base_url: &str) -> Result<Self, ConfigError> {
        Self::builder(identity, base_url).build()
    }

    /// Configures a client of the service at `base_url`.
    pub fn builder(identity: impl Into<Identity>, base_url: &str) -> ManagedIdentityHttpClientBuilder {
        ManagedIdentityHttpClientBuilder::new(identity.into(), base_url)
    }

    /// Returns the identity of requests that do not name another one.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Waits until the service's own identity has a token. See
    /// [`ManagedIdentity::ready`](crate::ManagedIdentity::ready). A client with callers' tokens
    /// only is ready at once.
    ///
    /// # Errors
    /// As [`ManagedIdentity::ready`](crate::ManagedIdentity::ready).
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn ready(&self) -> Result<(), TokenError> {
        match self.identity.managed() {
            Some(identity) => identity.ready().await,
            None => Ok(()),
        }
    }

    /// Begins a GET request.
    pub fn get(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::GET, path)
    }

    /// Begins a POST request.
    pub fn post(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::POST, path)
    }

    /// Begins a PUT request.
    pub fn put(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::PUT, path)
    }

    /// Begins a PATCH request.
    pub fn patch(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::PATCH, path)
    }

    /// Begins a DELETE request.
    pub fn delete(&self, path: &str) -> ManagedIdentityRequest {
        self.request(Method::DELETE, path)
    }

    /// Begins a request of any method. With an invalid `path`,
    /// [`send`](ManagedIdentityRequest::send) fails, and also with a path that a URL would change
    /// ([`InvalidPath`]): the request would go to another path than the one that was checked.
    pub fn request(&self, method: Method, path: &str) -> ManagedIdentityRequest {
        ManagedIdentityRequest::new(self.clone(), self.checked_request(method, path))
    }

    fn checked_request(&self, method: Method, path: &str) -> Result<RequestBuilder, HttpClientError> {
        path::check(path)?;
        let url = self.base.join(path).map_err(|error| HttpClientError::InvalidRequest(error.into()))?;
        let destination = destination_of(&url);
        if destination == Destination::WithUserInfo {
            // reqwest would make an `Authorization` header of it.
            return Err(AttachError::UserInfoPresent.into());
        }
        let client = self.clients.to(&url).ok_or_else(|| AttachError::not_allowed(&destination))?;
        Ok(client.request(method, url))
    }

    /// Gets the JSON at `path`. The response has to be a success.
    ///
    /// # Errors
    /// As [`ManagedIdentityRequest::send`], and [`HttpClientError::Http`] for another status or
    /// another content.
    ///
    /// # Cancel safety
    /// Dropping the future ends the request.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, HttpClientError> {
        self.get(path).receive_json().await
    }

    /// Posts `body` as JSON to `path`. The response has to be a success with JSON. (For a response
    /// without a body, such as 204: `post(path).json(body).send()`.)
    ///
    /// # Errors
    /// As [`get_json`](Self::get_json).
    ///
    /// # Cancel safety
    /// Dropping the future ends the request; it may have reached the service.
    pub async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, HttpClientError> {
        self.post(path).json(body).receive_json().await
    }
}
