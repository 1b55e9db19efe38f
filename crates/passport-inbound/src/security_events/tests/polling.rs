//! Tests of the poller with a scripted issuer.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use passport_core::{
    AccessToken, HttpClient, ResponseLimits, SecretSource, Transport, TransportError, TransportErrorKind,
};
use tokio::{sync::watch, time::Instant};

use super::*;

/// The pause after a response without new events.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// A poll endpoint with scripted responses. After the last one, a request never gets a response.
#[derive(Clone, Debug)]
struct PollEndpoint(Arc<Script>);

#[derive(Debug)]
struct Script {
    responses: Mutex<VecDeque<Result<(u16, Value), TransportErrorKind>>>,
    /// The bodies, the values of `Authorization`, and the times of the requests.
    requests: Mutex<Vec<(Value, Option<String>, Instant)>>,
    count: watch::Sender<usize>,
}

impl PollEndpoint {
    fn new(responses: impl IntoIterator<Item = Result<(u16, Value), TransportErrorKind>>) -> Self {
        let responses = Mutex::new(responses.into_iter().collect());
        Self(Arc::new(Script { responses, requests: Mutex::default(), count: watch::Sender::new(0) }))
    }

    /// Waits until there were this many requests. Returns their bodies.
    async fn requests(&self, count: usize) -> Vec<Value> {
        self.0.count.subscribe().wait_for(|sent| *sent >= count).await.unwrap();
        self.0.requests.lock().unwrap().iter().map(|(body, _, _)| body.clone()).collect()
    }

    /// Returns the times between the requests.
    fn pauses(&self) -> Vec<Duration> {
        let requests = self.0.requests.lock().unwrap();
        requests.windows(2).map(|pair| pair[1].2 - pair[0].2).collect()
    }
}

impl HttpClient for PollEndpoint {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        assert_eq!(request.method(), http::Method::POST);
        assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json");
        let body = serde_json::from_slice(request.body()).unwrap();
        let authorization = request.headers().get(header::AUTHORIZATION);
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        self.0.requests.lock().unwrap().push((body, authorization, Instant::now()));
        self.0.count.send_modify(|count| *count += 1);
        let next = self.0.responses.lock().unwrap().pop_front();
        match next {
            Some(Ok((status, body))) => {
                let mut response = Response::new(Bytes::from(body.to_string()));
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                Ok(response)
            }
            Some(Err(kind)) => Err(TransportError::new(kind)),
            None => std::future::pending().await,
        }
    }
}

fn poller(setup: &Setup, endpoint: &PollEndpoint) -> SecurityEventPoller {
    let poller = SecurityEventPoller::new(&setup.receiver, "https://idp.example/poll").unwrap();
    poller.transport(Transport::new(endpoint.clone()))
}

/// Returns a response with these events, by their ids.
fn sets(events: &[(&str, &Value)]) -> Result<(u16, Value), TransportErrorKind> {
    let sets: serde_json::Map<_, _> =
        events.iter().map(|(id, claims)| ((*id).to_owned(), json!(signed("secevent+jwt", claims)))).collect();
    Ok((200, json!({ "sets": sets })))
}

#[tokio::test(start_paused = true)]
async fn event_is_acknowledged_after_its_denial() {
    let setup = setup();
    let endpoint = PollEndpoint::new([sets(&[("event-1", &event())]), sets(&[])]);
    let polling = tokio::spawn(poller(&setup, &endpoint).max_events(7).run());
    let requests = endpoint.requests(3).await;
    assert_eq!(requests[0], json!({ "maxEvents": 7, "returnImmediately": false }));
    assert_eq!(requests[1], json!({ "maxEvents": 7, "returnImmediately": true, "ack": ["event-1"] }));
    assert_eq!(requests[2], json!({ "maxEvents": 7, "returnImmediately": false }));
    assert!(setup.is_revoked(&claims_of(PASSPORT)));
    assert!(endpoint.pauses().iter().all(|pause| *pause < IDLE_PAUSE), "a request awaits the next event");
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn rejected_event_is_reported() {
    let setup = setup();
    let foreign = event_with("aud", json!("other"));
    let mut renamed = event_with("jti", json!("event-2"));
    renamed["sub_id"]["sub"] = json!("v");
    let endpoint = PollEndpoint::new([sets(&[("event-1", &foreign), ("wrong", &renamed)])]);
    let polling = tokio::spawn(poller(&setup, &endpoint).run());
    let report = endpoint.requests(2).await.pop().unwrap();
    assert_eq!(report["setErrs"]["event-1"]["err"], "invalid_audience");
    assert_eq!(report["setErrs"]["wrong"]["err"], "invalid_request");
    assert!(report.get("ack").is_none(), "{report}");
    polling.abort();
}

#[tokio::test]
async fn event_that_is_not_saved_is_not_acknowledged() {
    let setup = setup_with(DenyList::builder().file("/missing/denied")).await;
    // Paused only here: an idle runtime would otherwise end the time limit of reading the file.
    tokio::time::pause();
    let endpoint = PollEndpoint::new([sets(&[("event-1", &event())])]);
    let polling = tokio::spawn(poller(&setup, &endpoint).run());
    let report = endpoint.requests(2).await.pop().unwrap();
    assert_eq!(report, json!({ "maxEvents": 100, "returnImmediately": false }));
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn failed_requests_back_off_and_keep_the_results() {
    let setup = setup();
    let failures = [
        Err(TransportErrorKind::Connect),
        Ok((500, json!({}))),
        Ok((200, json!({ "events": [] }))),
        Err(TransportErrorKind::Timeout),
    ];
    let first = [sets(&[("event-1", &event())])];
    let endpoint = PollEndpoint::new(first.into_iter().chain(failures));
    let log = Log::listen(Level::WARN);
    let polling = tokio::spawn(poller(&setup, &endpoint).run());
    let requests = endpoint.requests(6).await;
    assert!(requests[1..].iter().all(|request| request["ack"] == json!(["event-1"])), "{requests:?}");
    for (number, pause) in endpoint.pauses().into_iter().skip(1).enumerate() {
        let longest = Duration::from_secs(1 << number);
        assert!(pause >= longest / 2 && pause <= longest + Duration::from_millis(2), "{number}: {pause:?}");
    }
    assert_eq!(log.lines_with("security events not polled").len(), 4);
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn issuer_without_events_gets_one_request_a_second() {
    let setup = setup();
    let endpoint = PollEndpoint::new([sets(&[]), sets(&[])]);
    let polling = tokio::spawn(poller(&setup, &endpoint).run());
    endpoint.requests(3).await;
    assert!(endpoint.pauses().iter().all(|pause| *pause >= IDLE_PAUSE));
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn issuer_without_new_events_is_polled_after_a_pause() {
    let setup = setup();
    let more = || Ok((200, json!({ "sets": {}, "moreAvailable": true })));
    let rejected = event_with("aud", json!("other"));
    // The issuer announces events that it does not send, repeats an event that was acknowledged,
    // and sends an event that is rejected.
    let repeated = || sets(&[("event-1", &event())]);
    let endpoint = PollEndpoint::new([
        repeated(),
        repeated(),
        repeated(),
        more(),
        more(),
        sets(&[("event-1", &rejected)]),
    ]);
    let polling = tokio::spawn(poller(&setup, &endpoint).run());
    endpoint.requests(7).await;
    let pauses = endpoint.pauses();
    let has_paused: Vec<_> = pauses.iter().map(|pause| *pause >= IDLE_PAUSE).collect();
    // There is no pause after the new event, and after the confirmation of the repeated one.
    assert_eq!(has_paused, [false, true, true, false, true, true], "{pauses:?}");
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn request_kept_open_until_the_time_limit_is_no_failure() {
    let setup = setup();
    let endpoint = PollEndpoint::new(vec![Err(TransportErrorKind::Timeout); 4]);
    let log = Log::listen(Level::WARN);
    let polling = tokio::spawn(poller(&setup, &endpoint).run());
    endpoint.requests(5).await;
    for pause in endpoint.pauses() {
        assert!(pause >= IDLE_PAUSE && pause <= IDLE_PAUSE + Duration::from_millis(2), "{pause:?}");
    }
    assert!(log.lines_with("security events not polled").is_empty());
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn too_large_response_is_requested_with_fewer_events() {
    let setup = setup();
    let too_large = || Err(TransportErrorKind::TooLarge);
    let endpoint = PollEndpoint::new([
        too_large(),
        too_large(),
        too_large(),
        sets(&[("event-1", &event())]),
        too_large(),
        sets(&[]),
    ]);
    let polling = tokio::spawn(poller(&setup, &endpoint).max_events(5).run());
    let requests = endpoint.requests(7).await;
    let max_events: Vec<_> = requests.iter().map(|request| request["maxEvents"].as_u64().unwrap()).collect();
    assert_eq!(max_events, [5, 2, 1, 1, 5, 2, 5]);
    assert_eq!(requests[5]["ack"], json!(["event-1"]), "the results are kept");
    assert!(setup.is_revoked(&claims_of(PASSPORT)));
    let pauses = endpoint.pauses();
    let has_paused: Vec<_> = pauses.iter().map(|pause| *pause >= IDLE_PAUSE / 2).collect();
    assert_eq!(has_paused, [false, false, true, false, false, false], "a single event is too large");
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn each_request_has_the_current_token() {
    let setup = setup();
    let endpoint = PollEndpoint::new([]);
    let secret = poller(&setup, &endpoint).bearer_secret(SecretSource::from_value("abc"));
    let polling = tokio::spawn(secret.run());
    endpoint.requests(1).await;
    polling.abort();
    let token = || async { AccessToken::new("xyz", UNIX_EPOCH) };
    let polling = tokio::spawn(poller(&setup, &endpoint).access_token(token).run());
    endpoint.requests(2).await;
    polling.abort();
    let sent: Vec<_> =
        endpoint.0.requests.lock().unwrap().iter().map(|(_, token, _)| token.clone()).collect();
    assert_eq!(sent, [Some("Bearer abc".to_owned()), Some("Bearer xyz".to_owned())]);
}

#[tokio::test]
async fn poll_url_must_be_secure() {
    let setup = setup();
    for (url, problem) in [
        ("http://idp.example/poll", "plain http is accepted only for loopback hosts"),
        ("poll", "is not a URL"),
        ("https://user:secret@idp.example/poll", "must not contain user information"),
    ] {
        let error = SecurityEventPoller::new(&setup.receiver, url).unwrap_err().to_string();
        assert!(error.contains(problem) && !error.contains("secret@"), "{error}");
    }
    assert!(SecurityEventPoller::new(&setup.receiver, "http://127.0.0.1:8080/poll").is_ok());
    assert!(SecurityEventPoller::danger_plain_http(&setup.receiver, "http://idp.example/poll").is_ok());
    let poller = SecurityEventPoller::new(&setup.receiver, "https://idp.example/poll?key=abc").unwrap();
    assert!(!format!("{poller:?}").contains("abc"));
}
