//! Requests an issuer's keys over HTTP, at the location that the issuer publishes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use passport_core::{Issuer, ResponseLimits, Transport, TransportError, discover, request_to};
use url::Url;

use super::{error::KeyFetchError, events, http_cache::Head, key_set::entries};

/// The media type that is registered for key sets, and what servers send instead
/// ([RFC 7517, section 8.5](https://www.rfc-editor.org/rfc/rfc7517#section-8.5)).
const KEY_SET: HeaderValue =
    HeaderValue::from_static("application/jwk-set+json, application/json, */*;q=0.1");

/// The largest key set that is read, in bytes.
pub(super) const MAX_BODY: usize = 256 * 1024;

/// Fetches an issuer's keys from the location that it publishes.
#[derive(Debug)]
pub(crate) struct JwksClient {
    issuer: Issuer,
    transport: Transport,
    /// The timeout of each request.
    timeout: Duration,
    locations: Mutex<Locations>,
}

/// The locations of the keys.
#[derive(Debug, Default)]
struct Locations {
    /// The last one with keys. Forgotten when it has none any more, so that they are discovered
    /// again.
    current: Option<Url>,
    /// The last one that was logged.
    logged: Option<Url>,
}

/// The issuer's response.
#[derive(Debug)]
pub(crate) struct KeyResponse {
    /// `None` if the installed version is still the current one.
    pub(crate) document: Option<Bytes>,
    pub(crate) head: Head,
    pub(crate) version: Option<Version>,
}

/// The version of a key set, for conditional requests
/// ([RFC 9110, section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    url: Url,
    tag: HeaderValue,
}

/// How keys are requested.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchOptions<'a> {
    /// The installed version: only a newer one is sent.
    pub(crate) held: Option<&'a Version>,
    /// Whether the response may come from a cache in between.
    pub(crate) may_be_cached: bool,
}

impl JwksClient {
    pub(crate) fn new(issuer: Issuer, transport: Transport, timeout: Duration) -> Self {
        Self { issuer, transport, timeout, locations: Mutex::default() }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.issuer.id()
    }

    pub(crate) async fn fetch(&self, options: FetchOptions<'_>) -> Result<KeyResponse, KeyFetchError> {
        let location = self.locations().current.clone().or_else(|| self.issuer.jwks_url().cloned());
        let (url, discovery_url) = if let Some(url) = location {
            (url, None)
        } else {
            let document = discover(&self.transport, &self.issuer, self.timeout).await?;
            (document.jwks_uri, Some(document.discovery_url))
        };
        let (fetched, url) = self.fetch_from(url, options).await.inspect_err(|error| {
            if error.is_about_the_location() {
                self.forget();
            }
        })?;
        self.found_at(url, discovery_url.as_ref());
        Ok(fetched)
    }

    fn found_at(&self, url: Url, discovery_url: Option<&Url>) {
        let mut locations = self.locations();
        if locations.logged.as_ref() != Some(&url) {
            events::jwks_location(self.issuer(), &url, discovery_url);
            locations.logged = Some(url.clone());
        }
        locations.current = Some(url);
    }

    /// Forgets the location, so that the keys are discovered again.
    pub(crate) fn forget(&self) {
        self.locations().current = None;
    }

    /// Returns the keys and their location.
    async fn fetch_from(
        &self,
        url: Url,
        options: FetchOptions<'_>,
    ) -> Result<(KeyResponse, Url), KeyFetchError> {
        let (url, response) = self.get_either(url, options).await?;
        let head = Head::read(response.headers());
        let unchanged = response.status() == StatusCode::NOT_MODIFIED;
        let version = match (&head.tag, unchanged) {
            (Some(tag), _) => Some(Version { url: url.clone(), tag: tag.clone() }),
            (None, true) => options.held.cloned(),
            (None, false) => None,
        };
        let document = (!unchanged).then(|| response.into_body());
        Ok((KeyResponse { document, head, version }, url))
    }

    /// Passport's documentation names two locations of the keys. If the response of one is not a
    /// key set, the other one is tried, once.
    async fn get_either(
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

    /// Accepts only 200 with a key set, and 304 to a conditional request.
    async fn get(&self, url: &Url, options: FetchOptions<'_>) -> Result<Response<Bytes>, KeyFetchError> {
        let options = FetchOptions { held: options.held.filter(|held| held.url == *url), ..options };
        let limits = ResponseLimits { timeout: self.timeout, max_body: MAX_BODY };
        let response = self.transport.send(options.to(url)?, limits).await?;
        match response.status() {
            // Read here as well as where its keys are used: a sign-in page has status 200 as
            // well.
            StatusCode::OK => entries(response.body()).map(|_| response),
            StatusCode::NOT_MODIFIED if options.held.is_some() => Ok(response),
            status => Err(KeyFetchError::Status(status)),
        }
    }

    fn locations(&self) -> MutexGuard<'_, Locations> {
        self.locations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FetchOptions<'_> {
    fn to(self, url: &Url) -> Result<Request<Bytes>, TransportError> {
        let mut request = request_to(url, Bytes::new())?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, KEY_SET);
        if !self.may_be_cached {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        if let Some(held) = self.held {
            headers.insert(header::IF_NONE_MATCH, held.tag.clone());
        }
        Ok(request)
    }
}
