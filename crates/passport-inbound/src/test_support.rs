//! Test support: an issuer with scripted responses, and a clock that follows tokio's paused
//! time.

pub(crate) mod introspection;
pub(crate) mod issuers;
pub(crate) mod signing;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use passport_core::{
    Clock, HttpClient, ManualClock, ResponseLimits, Transport, TransportError, TransportErrorKind,
};
use passport_dev::{DevPassport, TestJwtBuilder};
pub(crate) use passport_test_support::{logs::Log, metrics::measured};
use serde_json::Value;
use tokio::{sync::watch, time::Instant};
use tower::{Layer, Service};
use tower_test::mock;

use crate::{TokenVerifier, TokenVerifierBuilder};

/// The time at which tests begin, in seconds since 1970.
pub(crate) const START: u32 = 1_750_000_000;

/// A clock that advances with tokio's time, so that a paused runtime controls the clock and the
/// timers.
#[derive(Clone, Debug)]
pub(crate) struct TokioClock(Instant);

impl TokioClock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::from(START)) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A response of the scripted issuer.
#[derive(Clone, Debug)]
pub(crate) enum ScriptedResponse {
    /// Status 200 with this body and these headers. Status 304 without a body if the
    /// `If-None-Match` of the request equals the `ETag` in these headers.
    Keys(String, Vec<(HeaderName, &'static str)>),
    /// A response with this status and without a body.
    Status(StatusCode),
    /// An error of this kind instead of a response.
    Fails(TransportErrorKind),
    /// No response: the request never ends.
    Never,
}

impl ScriptedResponse {
    /// Creates a response with status 200 and this body.
    pub(crate) fn body(body: &str) -> Self {
        Self::Keys(body.to_owned(), Vec::new())
    }
}

/// An HTTP client that returns scripted responses and records the requests.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedIssuer(Arc<Script>);

#[derive(Debug)]
struct Script {
    /// The response for all paths that match no suffix in `by_path`.
    response: Mutex<ScriptedResponse>,
    /// Responses by the suffix of the request's path. The longest matching suffix is used.
    by_path: Mutex<BTreeMap<&'static str, ScriptedResponse>>,
    /// The headers of all requests so far.
    requests: Mutex<Vec<HeaderMap>>,
    /// The URLs of all requests so far.
    urls: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

impl ScriptedIssuer {
    pub(crate) fn new(response: ScriptedResponse) -> Self {
        let script = Script {
            response: Mutex::new(response),
            by_path: Mutex::default(),
            requests: Mutex::default(),
            urls: Mutex::default(),
            count: watch::Sender::new(0),
        };
        Self(Arc::new(script))
    }

    /// Sets the response for all paths for which [`respond_at`](Self::respond_at) sets none.
    pub(crate) fn respond_with(&self, response: ScriptedResponse) {
        *self.0.response.lock().unwrap() = response;
    }

    /// Sets the response for paths with this suffix.
    pub(crate) fn respond_at(&self, path_suffix: &'static str, response: ScriptedResponse) {
        self.0.by_path.lock().unwrap().insert(path_suffix, response);
    }

    /// Returns the number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        *self.0.count.borrow()
    }

    /// Returns the URLs of all requests so far.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.0.urls.lock().unwrap().clone()
    }

    /// Waits until the issuer has received at least `count` requests in total.
    pub(crate) async fn wait_for_requests(&self, count: usize) {
        self.0.count.subscribe().wait_for(|sent| *sent >= count).await.unwrap();
    }

    /// Returns the headers of the last request.
    pub(crate) fn last_request(&self) -> HeaderMap {
        self.0.requests.lock().unwrap().last().unwrap().clone()
    }
}

impl HttpClient for ScriptedIssuer {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let headers_sent = request.headers().clone();
        self.0.requests.lock().unwrap().push(headers_sent.clone());
        self.0.urls.lock().unwrap().push(request.uri().to_string());
        self.0.count.send_modify(|count| *count += 1);
        let by_path = self.0.by_path.lock().unwrap().clone();
        let path = request.uri().path();
        let matching = by_path.into_iter().filter(|(suffix, _)| path.ends_with(suffix));
        let longest = matching.max_by_key(|(suffix, _)| suffix.len()).map(|(_, response)| response);
        let scripted = longest.unwrap_or_else(|| self.0.response.lock().unwrap().clone());
        let (status, body, headers) = match scripted {
            ScriptedResponse::Keys(body, headers) => (StatusCode::OK, body, headers),
            ScriptedResponse::Status(status) => (status, String::new(), Vec::new()),
            ScriptedResponse::Fails(kind) => return Err(TransportError::new(kind)),
            ScriptedResponse::Never => std::future::pending().await,
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        for (name, value) in headers {
            response.headers_mut().append(name, HeaderValue::from_static(value));
        }
        if let (Some(tag), Some(known)) =
            (response.headers().get(header::ETAG), headers_sent.get(header::IF_NONE_MATCH))
            && tag == known
        {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Bytes::new();
        }
        Ok(response)
    }
}

/// A dev Passport that issues tokens, and a scripted issuer that serves the keys of the dev
/// Passport. The clock follows tokio's paused time.
pub(crate) struct Setup {
    pub(crate) passport: DevPassport,
    pub(crate) issuer: ScriptedIssuer,
    pub(crate) clock: TokioClock,
}

/// Starts a dev Passport, then pauses tokio's time.
pub(crate) async fn setup() -> Setup {
    let issued_at = ManualClock::at_unix_seconds(START);
    let passport = DevPassport::builder().clock(issued_at).start().await.unwrap();
    tokio::time::pause();
    let issuer = ScriptedIssuer::new(ScriptedResponse::body(&passport.jwks()));
    Setup { passport, issuer, clock: TokioClock::start() }
}

impl Setup {
    /// Returns a builder of a verifier that fetches the keys from the scripted issuer.
    pub(crate) fn builder(&self) -> TokenVerifierBuilder {
        TokenVerifier::builder(self.passport.audience())
            .issuer(self.passport.issuer())
            .jwks_url(format!("{}/keys", self.passport.issuer()))
            .transport(Transport::new(self.issuer.clone()))
            .clock(self.clock.clone())
    }

    /// Returns a verifier with the default settings of [`builder`](Self::builder).
    pub(crate) fn verifier(&self) -> TokenVerifier {
        self.builder().build().unwrap()
    }

    /// Returns a verifier that reads the JWKS URL from the discovery document of the scripted
    /// issuer.
    pub(crate) fn discovering_verifier(&self) -> TokenVerifier {
        self.builder_at(&self.issuer).build().unwrap()
    }

    /// Returns a builder of a verifier that sends its requests to `issuer`. No JWKS URL is
    /// configured.
    pub(crate) fn builder_at(&self, issuer: &ScriptedIssuer) -> TokenVerifierBuilder {
        TokenVerifier::builder(self.passport.audience())
            .issuer(self.passport.issuer())
            .transport(Transport::new(issuer.clone()))
            .clock(self.clock.clone())
    }

    /// Returns the JOSE header of the dev Passport's tokens.
    pub(crate) fn header(&self) -> String {
        format!(r#"{{"alg":"RS256","kid":{}}}"#, self.jwks()["keys"][0]["kid"])
    }

    /// Returns the key set of the dev Passport.
    pub(crate) fn jwks(&self) -> Value {
        serde_json::from_str(&self.passport.jwks()).unwrap()
    }

    /// Returns a builder of a token that is valid for 30 days.
    pub(crate) fn token(&self) -> TestJwtBuilder {
        self.passport.user_token("u").expires_in(Duration::from_secs(30 * 24 * 60 * 60))
    }
}

/// Asserts that the service of `layer` is ready if its inner service is ready, and is not ready
/// if its inner service is not ready.
pub(crate) fn assert_ready_with_inner_service<L>(layer: &L)
where
    L: Layer<mock::Mock<Request<()>, Response<Full<Bytes>>>>,
    L::Service: Service<Request<()>>,
{
    let (inner, mut handle) = mock::pair();
    let mut service = mock::Spawn::new(layer.layer(inner));
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
}
