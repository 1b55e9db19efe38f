use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use passport_core::{Issuer, Limits, Transport, TransportError, discover, request_to};
use url::Url;

use super::{error::FetchError, events, http_cache::Head, key_set::entries};

/// The media type that is registered for key sets, and what servers send instead
/// ([RFC 7517, section 8.5](https://www.rfc-editor.org/rfc/rfc7517#section-8.5)).
const KEY_SET: HeaderValue =
    HeaderValue::from_static("application/jwk-set+json, application/json, */*;q=0.1");

/// The largest key set that is read, in bytes.
pub(super) const MAX_BODY: usize = 256 * 1024;

/// Reads an issuer's keys from where it says they are.
#[derive(Debug)]
pub(crate) struct JwksSource {
    issuer: Issuer,
    transport: Transport,
    /// The timeout of each request.
    timeout: Duration,
    locations: Mutex<Locations>,
}

/// Where the keys were.
#[derive(Debug, Default)]
struct Locations {
    /// The last time. Forgotten when they are not there any more, so that a move is noticed.
    current: Option<Url>,
    /// The last one that was logged.
    logged: Option<Url>,
}

/// An answer to the question for keys.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// `None` if the version that is held is still the current one.
    pub(crate) document: Option<Bytes>,
    pub(crate) head: Head,
    pub(crate) version: Option<Version>,
}

/// Which document it was, and of which place. With it the issuer can be asked for newer ones only
/// ([RFC 9110, section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    url: Url,
    tag: HeaderValue,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// Only what is newer than this.
    pub(crate) held: Option<&'a Version>,
    /// Whether a cache on the way may answer.
    pub(crate) may_be_cached: bool,
}

impl JwksSource {
    pub(crate) fn new(issuer: Issuer, transport: Transport, timeout: Duration) -> Self {
        Self { issuer, transport, timeout, locations: Mutex::default() }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.issuer.id()
    }

    pub(crate) async fn fetch(&self, question: Question<'_>) -> Result<Fetched, FetchError> {
        let known = self.locations().current.clone().or_else(|| self.issuer.jwks_url().cloned());
        let (url, discovery_url) = if let Some(url) = known {
            (url, None)
        } else {
            let document = discover(&self.transport, &self.issuer, self.timeout).await?;
            (document.jwks_uri, Some(document.discovery_url))
        };
        match self.fetch_from(url, question).await {
            Ok((fetched, url)) => {
                self.found_at(url, discovery_url.as_ref());
                Ok(fetched)
            }
            Err(error) => {
                if error.is_about_the_location() {
                    self.forget();
                }
                Err(error)
            }
        }
    }

    fn found_at(&self, url: Url, discovery_url: Option<&Url>) {
        let mut locations = self.locations();
        if locations.logged.as_ref() != Some(&url) {
            events::jwks_location(self.issuer(), &url, discovery_url);
            locations.logged = Some(url.clone());
        }
        locations.current = Some(url);
    }

    /// What is there are no keys, so they have to be looked for anew.
    pub(crate) fn forget(&self) {
        self.locations().current = None;
    }

    /// The keys, and where they were found.
    async fn fetch_from(&self, url: Url, question: Question<'_>) -> Result<(Fetched, Url), FetchError> {
        let (url, response) = self.get_either(url, question).await?;
        let head = Head::read(response.headers());
        let unchanged = response.status() == StatusCode::NOT_MODIFIED;
        let version = match (&head.tag, unchanged) {
            (Some(tag), _) => Some(Version { url: url.clone(), tag: tag.clone() }),
            (None, true) => question.held.cloned(),
            (None, false) => None,
        };
        let document = (!unchanged).then(|| response.into_body());
        Ok((Fetched { document, head, version }, url))
    }

    /// Passport's pages name two locations of the keys. If the answer of one is not a key set, the
    /// other one is tried, once.
    async fn get_either(
        &self,
        url: Url,
        question: Question<'_>,
    ) -> Result<(Url, Response<Bytes>), FetchError> {
        let error = match self.get(&url, question).await {
            Ok(response) => return Ok((url, response)),
            Err(error) => error,
        };
        let Some(other) = self.issuer.other_jwks_url(&url).filter(|_| error.is_response()) else {
            return Err(error);
        };
        match self.get(&other, question).await {
            Ok(response) => Ok((other, response)),
            Err(second) if matches!(error, FetchError::Status(StatusCode::NOT_FOUND)) => Err(second),
            Err(_) => Err(error),
        }
    }

    /// Only 200 with a key set brings keys, and only 304 to a question for newer ones confirms
    /// those that are held.
    async fn get(&self, url: &Url, question: Question<'_>) -> Result<Response<Bytes>, FetchError> {
        let question = Question { held: question.held.filter(|held| held.url == *url), ..question };
        let limits = Limits { timeout: self.timeout, max_body: MAX_BODY };
        let response = self.transport.exchange(question.to(url)?, limits).await?;
        match response.status() {
            // Read here as well as where its keys are used: a sign-in page is answered with 200,
            // too.
            StatusCode::OK => entries(response.body()).map(|_| response),
            StatusCode::NOT_MODIFIED if question.held.is_some() => Ok(response),
            status => Err(FetchError::Status(status)),
        }
    }

    fn locations(&self) -> MutexGuard<'_, Locations> {
        self.locations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question<'_> {
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
