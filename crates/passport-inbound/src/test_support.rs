//! A scripted issuer, a clock that follows tokio's, and capture of logs and metrics.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, Once},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use passport_core::{
    Clock, HttpExchange, Limits, ManualClock, Transport, TransportError, TransportErrorKind,
};
use passport_dev::{DevPassport, TestJwtBuilder};
use serde_json::Value;
use tokio::{sync::watch, time::Instant};
use tracing_subscriber::fmt::MakeWriter;

use crate::{TokenVerifier, TokenVerifierBuilder};

pub(crate) const START: u32 = 1_750_000_000;

/// Shows the time that passes for tokio, so that a paused runtime moves both.
#[derive(Clone, Debug)]
pub(crate) struct TokioClock(Instant);

impl TokioClock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::from(START)) + self.uptime()
    }

    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}

/// How the issuer responds to requests for its keys.
#[derive(Clone, Debug)]
pub(crate) enum ScriptedResponse {
    /// With this body and these headers; with 304 if the request has its `ETag`.
    Keys(String, Vec<(HeaderName, &'static str)>),
    Status(StatusCode),
    Fails(TransportErrorKind),
    Never,
}

impl ScriptedResponse {
    pub(crate) fn body(body: &str) -> Self {
        Self::Keys(body.to_owned(), Vec::new())
    }
}

/// Responds from memory.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedIssuer(Arc<Script>);

#[derive(Debug)]
struct Script {
    response: Mutex<ScriptedResponse>,
    /// By the end of the path.
    elsewhere: Mutex<BTreeMap<&'static str, ScriptedResponse>>,
    requests: Mutex<Vec<HeaderMap>>,
    count: watch::Sender<usize>,
}

impl ScriptedIssuer {
    pub(crate) fn new(response: ScriptedResponse) -> Self {
        let script = Script {
            response: Mutex::new(response),
            elsewhere: Mutex::default(),
            requests: Mutex::default(),
            count: watch::Sender::new(0),
        };
        Self(Arc::new(script))
    }

    pub(crate) fn respond_with(&self, response: ScriptedResponse) {
        *self.0.response.lock().unwrap() = response;
    }

    /// For paths that end so.
    pub(crate) fn respond_at(&self, end_of_path: &'static str, response: ScriptedResponse) {
        self.0.elsewhere.lock().unwrap().insert(end_of_path, response);
    }

    /// The number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        *self.0.count.borrow()
    }

    /// Waits for this number of requests.
    pub(crate) async fn wait_for_requests(&self, count: usize) {
        self.0.count.subscribe().wait_for(|sent| *sent >= count).await.unwrap();
    }

    pub(crate) fn last_request(&self) -> HeaderMap {
        self.0.requests.lock().unwrap().last().unwrap().clone()
    }
}

impl HttpExchange for ScriptedIssuer {
    async fn exchange(&self, request: Request<Bytes>, _: Limits) -> Result<Response<Bytes>, TransportError> {
        let headers_sent = request.headers().clone();
        self.0.requests.lock().unwrap().push(headers_sent.clone());
        self.0.count.send_modify(|count| *count += 1);
        let elsewhere = self.0.elsewhere.lock().unwrap().clone();
        let path = request.uri().path();
        let there = elsewhere.into_iter().filter(|(end, _)| path.ends_with(end));
        let there = there.max_by_key(|(end, _)| end.len()).map(|(_, response)| response);
        let scripted = there.unwrap_or_else(|| self.0.response.lock().unwrap().clone());
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

/// A Passport that issues tokens, a scripted issuer that serves keys instead of it, and paused
/// time.
pub(crate) struct Setup {
    pub(crate) passport: DevPassport,
    pub(crate) issuer: ScriptedIssuer,
    pub(crate) clock: TokioClock,
}

/// Pauses time once the Passport is there.
pub(crate) async fn setup() -> Setup {
    let minted_at = ManualClock::at_unix_seconds(START);
    let passport = DevPassport::builder().clock(minted_at).start().await.unwrap();
    tokio::time::pause();
    let issuer = ScriptedIssuer::new(ScriptedResponse::body(&passport.jwks()));
    Setup { passport, issuer, clock: TokioClock::start() }
}

impl Setup {
    pub(crate) fn builder(&self) -> TokenVerifierBuilder {
        TokenVerifier::builder(self.passport.audience())
            .issuer(self.passport.issuer())
            .jwks_url(format!("{}/keys", self.passport.issuer()))
            .transport(Transport::new(self.issuer.clone()))
            .clock(self.clock.clone())
    }

    pub(crate) fn verifier(&self) -> TokenVerifier {
        self.builder().build().unwrap()
    }

    /// One that has to discover the JWKS URL.
    pub(crate) fn discovering(&self) -> TokenVerifier {
        self.builder_at(&self.issuer).build().unwrap()
    }

    /// The same, at another issuer of that name.
    pub(crate) fn builder_at(&self, issuer: &ScriptedIssuer) -> TokenVerifierBuilder {
        TokenVerifier::builder(self.passport.audience())
            .issuer(self.passport.issuer())
            .transport(Transport::new(issuer.clone()))
            .clock(self.clock.clone())
    }

    /// The header of the Passport's tokens.
    pub(crate) fn header(&self) -> String {
        format!(r#"{{"alg":"RS256","kid":{}}}"#, self.jwks()["keys"][0]["kid"])
    }

    pub(crate) fn jwks(&self) -> Value {
        serde_json::from_str(&self.passport.jwks()).unwrap()
    }

    /// Good for a month.
    pub(crate) fn token(&self) -> TestJwtBuilder {
        self.passport.user_token("u").expires_in(Duration::from_secs(30 * 24 * 60 * 60))
    }
}

/// What was logged on this thread, as text.
///
/// One subscriber for all tests, which passes each line to the log of its thread:
/// subscribers that come and go change what the tests beside them log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

thread_local! {
    static LISTENING: RefCell<Option<(tracing::Level, Log)>> = const { RefCell::new(None) };
}

impl Log {
    /// Listens on this thread from now on, for the rest of the test.
    pub(crate) fn listen(level: tracing::Level) -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
            let subscriber = subscriber.with_ansi(false).with_writer(Self::default()).finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        let log = Self::default();
        LISTENING.set(Some((level, log.clone())));
        log
    }

    /// The lines that hold `part`.
    pub(crate) fn lines_with(&self, part: &str) -> Vec<String> {
        let log = self.0.lock().unwrap();
        str::from_utf8(&log).unwrap().lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    /// A log that is discarded.
    fn make_writer(&'a self) -> Self {
        Self::default()
    }

    fn make_writer_for(&'a self, event: &tracing::Metadata<'_>) -> Self {
        let listening = LISTENING.with_borrow(Clone::clone);
        listening.filter(|(level, _)| event.level() <= level).map(|(_, log)| log).unwrap_or_default()
    }
}

/// What `work` measures, by name and labels other than the issuer: the count of a counter, the last
/// value of others.
pub(crate) async fn measured(work: impl Future<Output = ()>) -> BTreeMap<String, f64> {
    let recorder = DebuggingRecorder::new();
    {
        let _guard = metrics::set_default_local_recorder(&recorder);
        work.await;
    }
    let metrics = recorder.snapshotter().snapshot().into_vec().into_iter();
    metrics
        .map(|(key, _, _, value)| {
            let labels = key.key().labels().filter(|label| label.key() != "issuer");
            let words = [key.key().name()].into_iter().chain(labels.map(metrics::Label::value));
            let value = match value {
                #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => *value,
                DebugValue::Histogram(values) => values.last().map_or(f64::NAN, |value| **value),
            };
            (words.collect::<Vec<_>>().join(" "), value)
        })
        .collect()
}
