//! Fetches an issuer's keys over HTTP, from the configured or the discovered URL.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use passport_core::{Issuer, ResponseLimits, Transport, TransportError, discover, request_to};
use url::Url;

use super::{error::KeyFetchError, events, http_cache::Head, key_set::entries};
use crate::issuers::IssuerName;

/// The `Accept` header of requests for keys: the media type of key sets ([RFC 7517, section
/// 8.5](https://www.rfc-editor.org/rfc/rfc7517#section-8.5)), and the types that servers send
/// instead.
const ACCEPTED_MEDIA_TYPES: HeaderValue =
    HeaderValue::from_static("application/jwk-set+json, application/json, */*;q=0.1");

/// The maximum size of a key set, in bytes. A larger response is an error.
pub(super) const MAX_BODY: usize = 256 * 1024;

/// A client that fetches an issuer's keys, and stores the URL at which it found the keys.
#[derive(Debug)]
pub(crate) struct JwksClient {
    /// The name of the issuer, for logs.
    name: IssuerName,
    issuer: Issuer,
    transport: Transport,
    /// The timeout of each HTTP request.
    timeout: Duration,
    locations: Mutex<Locations>,
}

/// The last URLs at which keys were found.
#[derive(Debug, Default)]
struct Locations {
    /// The URL of the last response with keys. If a later response at this URL has no usable keys,
    /// the URL is reset, so that discovery runs again. A response whose status indicates an outage
    /// does not reset the URL.
    current: Option<Url>,
    /// The last URL that was logged, so that each change is logged once.
    logged: Option<Url>,
}

/// The issuer's response to a request for keys: a key set, or the information that the installed
/// key set is unchanged.
#[derive(Debug)]
pub(crate) struct KeyResponse {
    /// The key set. `None` if the installed version is still current (304).
    pub(crate) document: Option<Bytes>,
    pub(crate) head: Head,
    pub(crate) version: Option<Version>,
}

/// The version of a key set: its URL and its `ETag`, for conditional requests ([RFC 9110,
/// section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    url: Url,
    tag: HeaderValue,
}

/// Options of a request for keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchOptions<'a> {
    /// The version of the installed key set. If this field is set, a request to the URL of that
    /// version is conditional.
    pub(crate) installed: Option<&'a Version>,
    /// Whether an HTTP cache is allowed to respond. If false, the request has the header
    /// `Cache-Control: no-cache`.
    pub(crate) allow_cached: bool,
}

impl JwksClient {
    pub(crate) fn new(name: IssuerName, issuer: Issuer, transport: Transport, timeout: Duration) -> Self {
        Self { name, issuer, transport, timeout, locations: Mutex::default() }
    }

    /// Returns the configured issuer, which is the `iss` of its tokens.
    pub(crate) fn issuer(&self) -> &str {
        self.issuer.id()
    }

    /// Fetches the keys. Reads the discovery document first if the URL of the keys is unknown.
    pub(crate) async fn fetch(&self, options: FetchOptions<'_>) -> Result<KeyResponse, KeyFetchError> {
        let location = self.locations().current.clone().or_else(|| self.issuer.jwks_url().cloned());
        let (url, discovery_url) = if let Some(url) = location {
            (url, None)
        } else {
            let document = discover(&self.transport, &self.issuer, self.timeout).await?;
            (document.jwks_uri, Some(document.discovery_url))
        };
        let (fetched, url) = self.fetch_from(url, options).await.inspect_err(|error| {
            if error.is_wrong_location() {
                self.reset_location();
            }
        })?;
        self.record_location(url, discovery_url.as_ref());
        Ok(fetched)
    }

    /// Records that the keys were found at `url`, and logs the URL if it is new.
    fn record_location(&self, url: Url, discovery_url: Option<&Url>) {
        let mut locations = self.locations();
        if locations.logged.as_ref() != Some(&url) {
            events::jwks_location(&self.name, &url, discovery_url);
            locations.logged = Some(url.clone());
        }
        locations.current = Some(url);
    }

    /// Forgets the URL of the keys, so that the next fetch starts with discovery.
    pub(crate) fn reset_location(&self) {
        self.locations().current = None;
    }

    /// Fetches the keys from `url`, or from the other JWKS URL that Passport documents if the
    /// response of `url` is not a key set. Returns the URL at which the keys were found.
    async fn fetch_from(
        &self,
        url: Url,
        options: FetchOptions<'_>,
    ) -> Result<(KeyResponse, Url), KeyFetchError> {
        let (url, response) = self.get_with_fallback(url, options).await?;
        let head = Head::read(response.headers());
        let unchanged = response.status() == StatusCode::NOT_MODIFIED;
        let version = match (&head.tag, unchanged) {
            (Some(tag), _) => Some(Version { url: url.clone(), tag: tag.clone() }),
            (None, true) => options.installed.cloned(),
            (None, false) => None,
        };
        let document = (!unchanged).then(|| response.into_body());
        Ok((KeyResponse { document, head, version }, url))
    }

    /// Requests the keys from `url`. If the response is not a key set, requests the keys from the
    /// other JWKS URL that Passport documents. If the second request fails as well, returns the
    /// error of the second request if the first response had status 404, otherwise the error of
    /// the first request.
    async fn get_with_fallback(
        &self,
        url: Url,
        options: FetchOptions<'_>,
    ) -> Result<(Url, Response<Bytes>), KeyFetchError> {
        let error = match self.get(&url, options).await {
            Ok(response) => return Ok((url, response)),
            Err(error) => error,
        };
        let Some(other) = self.issuer.other_jwks_url(&url).filter(|_| error.is_response()) else {
            return Err(error);
        };
        match self.get(&other, options).await {
            Ok(response) => Ok((other, response)),
            Err(second) if matches!(error, KeyFetchError::Status(StatusCode::NOT_FOUND)) => Err(second),
            Err(_) => Err(error),
        }
    }

    /// Requests the keys from `url`. Accepts only 200 with a key set, and 304 to a conditional
    /// request.
    async fn get(&self, url: &Url, options: FetchOptions<'_>) -> Result<Response<Bytes>, KeyFetchError> {
        let installed = options.installed.filter(|version| version.url == *url);
        let options = FetchOptions { installed, ..options };
        let limits = ResponseLimits { timeout: self.timeout, max_body: MAX_BODY };
        let response = self.transport.send(options.to(url)?, limits).await?;
        match response.status() {
            // The body is checked here, so that the other URL is tried if the body is not a key
            // set: a sign-in page also responds with status 200.
            StatusCode::OK => entries(response.body()).map(|_| response),
            StatusCode::NOT_MODIFIED if options.installed.is_some() => Ok(response),
            status => Err(KeyFetchError::Status(status)),
        }
    }

    /// Locks the URLs. The URLs stay usable after another thread has panicked while it held the
    /// lock.
    fn locations(&self) -> MutexGuard<'_, Locations> {
        self.locations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FetchOptions<'_> {
    /// Creates the request for the keys at `url`.
    fn to(self, url: &Url) -> Result<Request<Bytes>, TransportError> {
        let mut request = request_to(url, Bytes::new())?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, ACCEPTED_MEDIA_TYPES);
        if !self.allow_cached {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        if let Some(version) = self.installed {
            headers.insert(header::IF_NONE_MATCH, version.tag.clone());
        }
        Ok(request)
    }
}
