//! Polls an issuer for security events.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use metrics::counter;
use passport_core::{
    AccessToken, Backoff, ConfigError, ConfigProblem, Origin, ResponseLimits, SecretSource, Transport,
    TransportError, TransportErrorKind, TransportSettings, request_to, with_causes,
};
use tokio::time::sleep;
use url::Url;

use super::{
    poll_message::{PollRequest, PollResponse, PollResults},
    processor::{Delivery, EventProcessor},
    receiver::SecurityEventReceiver,
};
use crate::metrics::{EVENT_POLLS, TARGET};

/// The time limit of a request. An issuer without events can keep it open that long.
const POLL_TIMEOUT: Duration = Duration::from_secs(90);
/// The maximum size of a response, in bytes.
const MAX_RESPONSE: usize = 1024 * 1024;
/// The pause after a response without new events. Without it, an issuer that returns immediately,
/// or repeats events that were acknowledged, would get requests without a limit.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// The pause after a failed request.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Authorize = dyn Fn() -> AuthorizeFuture + Send + Sync;
type AuthorizeFuture = Pin<Box<dyn Future<Output = Result<HeaderValue, BoxError>> + Send>>;

/// Polls an issuer for security events ([RFC 8936](https://www.rfc-editor.org/rfc/rfc8936)), for a
/// service that the issuer cannot reach.
///
/// The events are processed as those of a [`SecurityEventReceiver`]. An event is acknowledged only
/// after its denial was saved; otherwise the issuer sends it again. The issuer can keep a request
/// open for up to 90 s, until there are events: these arrive without delay. After a response
/// without new events there is a pause of 1 s; an event in this pause is up to 1 s late.
///
/// ```no_run
/// use passport_inbound::{SecretSource, SecurityEventPoller, SecurityEventReceiver};
///
/// # fn example(receiver: SecurityEventReceiver) -> Result<(), passport_inbound::ConfigError> {
/// let poller = SecurityEventPoller::new(&receiver, "https://idp.example/events/poll")?
///     .bearer_secret(SecretSource::env("EVENTS_TOKEN"));
/// let polling = tokio::spawn(poller.run());
/// // `polling.abort()` stops it.
/// # let _ = polling; Ok(()) }
/// ```
#[must_use = "a poller does nothing until `run` is polled"]
pub struct SecurityEventPoller {
    processor: Arc<EventProcessor>,
    url: Url,
    transport: Transport,
    authorize: Option<Arc<Authorize>>,
    max_events: u32,
}

impl SecurityEventPoller {
    /// Creates a poller that sends requests to `url`, the poll endpoint of an issuer. `receiver`
    /// has the verifier, the list and the audiences. Polling and pushing can be combined.
    ///
    /// # Errors
    /// [`ConfigError`] if `url` is no `https` URL, and no `http` URL with a loopback host.
    pub fn new(receiver: &SecurityEventReceiver, url: &str) -> Result<Self, ConfigError> {
        Self::create(receiver, url, false)
    }

    /// Creates a poller as [`new`](Self::new) does, but accepts plain `http` with any host.
    ///
    /// **Danger:** anyone on the network path can read the bearer token, and can withhold events.
    /// Use it only in a private network that is trusted or encrypted, such as a service mesh.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new), but plain `http` is not an error.
    pub fn danger_plain_http(receiver: &SecurityEventReceiver, url: &str) -> Result<Self, ConfigError> {
        Self::create(receiver, url, true)
    }

    fn create(receiver: &SecurityEventReceiver, url: &str, plain_http: bool) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let url = endpoint(url, plain_http).map_err(|problem| ConfigError::new(vec![problem]))?;
        let transport = TransportSettings::default().build(&mut problems);
        let transport = transport.ok_or_else(|| ConfigError::new(problems))?;
        let processor = Arc::clone(&receiver.processor);
        Ok(Self { processor, url, transport, authorize: None, max_events: 100 })
    }

    /// Sets the transport of the requests. Defaults to
    /// [`ReqwestHttpClient`](crate::ReqwestHttpClient).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Sets the secret that is sent as bearer token. It is read for each request, so that it can be
    /// rotated. By default, requests have no `Authorization` header.
    pub fn bearer_secret(self, secret: SecretSource) -> Self {
        let secret = Arc::new(secret);
        self.authorize_with(move || {
            let secret = Arc::clone(&secret);
            async move {
                let resolved = secret.resolve().await?;
                let mut header = HeaderValue::try_from(["Bearer ", resolved.secret().expose()].concat())?;
                header.set_sensitive(true);
                Ok(header)
            }
        })
    }

    /// Sets the function that returns the access token of each request, for example from a managed
    /// identity. Replaces [`bearer_secret`](Self::bearer_secret).
    pub fn access_token<F, E>(self, token: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<AccessToken, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.authorize_with(move || {
            let token = token();
            async move { Ok(token.await.map_err(Into::<BoxError>::into)?.authorization().clone()) }
        })
    }

    fn authorize_with<F>(mut self, authorize: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<HeaderValue, BoxError>> + Send + 'static,
    {
        self.authorize = Some(Arc::new(move || Box::pin(authorize())));
        self
    }

    /// Sets the maximum number of events of a response. Defaults to 100. If a response is larger
    /// than 1 MiB, the next request is for half as many.
    pub fn max_events(mut self, events: u32) -> Self {
        self.max_events = events.max(1);
        self
    }

    /// Polls until the future is dropped. Failed requests are repeated after 1 s to 60 s.
    ///
    /// # Panics
    /// When it is polled outside a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    /// Cancel safe: the issuer sends events again that were not acknowledged.
    pub async fn run(self) {
        let (mut results, mut failures, mut max_events) = (PollResults::default(), 0, self.max_events);
        loop {
            let next = match self.poll(&results, max_events).await {
                Ok(response) => {
                    counter!(EVENT_POLLS, "outcome" => "received").increment(1);
                    max_events = self.max_events;
                    // The response only confirms the results: events are awaited by a request that
                    // the issuer keeps open.
                    let is_confirmation = !results.is_empty() && response.sets.is_empty();
                    let next;
                    (results, next) = self.process(response).await;
                    if is_confirmation { Next::Now } else { next }
                }
                Err(error) => {
                    counter!(EVENT_POLLS, "outcome" => "failed").increment(1);
                    let is_too_large = is_too_large(&*error);
                    let error = with_causes(&*error);
                    tracing::warn!(target: TARGET, error, "security events not polled, denials arrive late");
                    if is_too_large && max_events > 1 {
                        max_events /= 2;
                        Next::Now
                    } else {
                        Next::Backoff
                    }
                }
            };
            match next {
                Next::Now => failures = 0,
                Next::Idle => {
                    failures = 0;
                    sleep(IDLE_PAUSE).await;
                }
                Next::Backoff => {
                    sleep(BACKOFF.delay(failures, fastrand::f64())).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    /// Processes the events of a response. Returns their results, and when the request with the
    /// results is sent.
    async fn process(&self, response: PollResponse) -> (PollResults, Next) {
        let (mut results, mut is_final, mut has_new) = (PollResults::default(), true, false);
        for (id, event) in response.sets {
            let processed = self.processor.event(event.as_bytes(), Delivery::Poll).await;
            has_new |= processed.as_ref().is_ok_and(|accepted| !accepted.is_replayed);
            is_final &= results.add(id, processed.map(|accepted| accepted.jti));
        }
        let next = match (is_final, has_new) {
            (false, _) => Next::Backoff,
            (true, true) => Next::Now,
            (true, false) => Next::Idle,
        };
        (results, next)
    }

    /// Sends one request. An issuer that keeps the request open until the time limit has no events.
    async fn poll(&self, results: &PollResults, max_events: u32) -> Result<PollResponse, BoxError> {
        let message = PollRequest {
            max_events,
            // Results are not delayed by a request that the issuer keeps open.
            return_immediately: !results.is_empty(),
            ack: &results.ack,
            set_errs: &results.set_errs,
        };
        let mut request = request_to(&self.url, Bytes::from(serde_json::to_vec(&message)?))?;
        *request.method_mut() = Method::POST;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, json.clone());
        request.headers_mut().insert(CONTENT_TYPE, json);
        if let Some(authorize) = &self.authorize {
            request.headers_mut().insert(AUTHORIZATION, authorize().await?);
        }
        let limits = ResponseLimits { timeout: POLL_TIMEOUT, max_body: MAX_RESPONSE };
        let response = match self.transport.send(request, limits).await {
            Err(error) if error.kind() == TransportErrorKind::Timeout && !message.return_immediately => {
                return Ok(PollResponse::default());
            }
            response => response?,
        };
        match response.status() {
            StatusCode::OK => Ok(serde_json::from_slice(response.body()).map_err(|_| InvalidResponse)?),
            status => Err(Box::new(UnexpectedStatus(status))),
        }
    }
}

/// When the next request is sent.
enum Next {
    /// Immediately: the response had an event that was not processed before, or it has confirmed
    /// the results of such events. Or the response was too large, and fewer events are requested.
    Now,
    /// After [`IDLE_PAUSE`].
    Idle,
    /// After a pause that doubles with each failure: the request has failed, or an event could not
    /// be processed.
    Backoff,
}

/// Returns whether the response of a failed request was larger than [`MAX_RESPONSE`].
fn is_too_large(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.downcast_ref::<TransportError>().is_some_and(|error| error.kind() == TransportErrorKind::TooLarge)
}

/// The error of a response that is not a list of events. It has no part of the response.
#[derive(Debug, thiserror::Error)]
#[error("the response of the poll endpoint is no list of events; check the URL")]
struct InvalidResponse;

/// The error of a response with another status than 200.
#[derive(Debug, thiserror::Error)]
#[error("the poll endpoint responded with status {0}; check the URL and the bearer token")]
struct UnexpectedStatus(StatusCode);

/// Parses the URL of a poll endpoint.
fn endpoint(url: &str, plain_http: bool) -> Result<Url, ConfigProblem> {
    let problem = |problem: &str| ConfigProblem::new("url", problem);
    let url = Url::parse(url).map_err(|_| problem("is not a URL; set the URL of the poll endpoint"))?;
    let origin = Origin::of(&url).map_err(|_| problem("is not an https URL"))?;
    if !origin.is_secure() && !plain_http {
        return Err(problem(
            "plain http is accepted only for loopback hosts; use https, or danger_plain_http in a private network",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem("must not contain user information; set bearer_secret"));
    }
    Ok(url)
}

/// Omits the path and the query of the URL, which can contain credentials.
impl fmt::Debug for SecurityEventPoller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityEventPoller").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}
