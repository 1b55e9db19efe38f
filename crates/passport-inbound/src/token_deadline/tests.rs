use std::{
    convert::Infallible,
    future::ready,
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http::{HeaderMap, Request, Response, header::CONTENT_TYPE};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use passport_core::ManualClock;
use serde_json::json;
use tokio::{sync::mpsc, time::advance};
use tokio_test::task;
use tower::{Layer, Service, service_fn};

use super::{body::StreamKind, deadline::Deadline, *};
use crate::{
    Denial, DeniedSubject, DenyList, IdInfo, IntrospectionMode, Rejection, ResponseBody,
    identity::{Anonymous, CallerSource, Revocation},
    issuers::IssuerName,
    jwt::claims::Claims,
    test_support::{
        TokioClock, assert_ready_with_inner_service,
        introspection::{Endpoint, Reply, settings},
        issuers::{PASSPORT, claims_of, passport, trusting},
        signing::test_key,
    },
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const NOW: u32 = 1_750_000_000;
const MINUTE: Duration = Duration::from_secs(60);

/// Returns a stream with a deadline in one minute, and the channel that sends its frames.
fn stream(
    clock: &ManualClock,
    kind: StreamKind,
) -> (mpsc::UnboundedSender<Bytes>, impl Body<Data = Bytes, Error = BoxError> + Unpin + use<>) {
    let (sender, mut frames) = mpsc::unbounded_channel();
    let frames = futures_util::stream::poll_fn(move |cx| frames.poll_recv(cx));
    let body = StreamBody::new(frames.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes))));
    let at = UNIX_EPOCH + Duration::from_secs(u64::from(NOW)) + MINUTE;
    (sender, Box::pin(DeadlineBody::new(body, Some(Deadline::new(at, Arc::new(clock.clone()))), kind)))
}

async fn advance_both(clock: &ManualClock, by: Duration) {
    clock.advance(by);
    advance(by).await;
}

#[tokio::test(start_paused = true)]
async fn event_stream_ends_when_the_token_expires() {
    let clock = ManualClock::at_unix_seconds(NOW);
    let (sender, mut body) = stream(&clock, StreamKind::Events);
    sender.send("one".into()).unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    advance_both(&clock, Duration::from_secs(59)).await;
    assert!(body.frame().now_or_never().is_none(), "the token is still valid");
    sender.send("two".into()).unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "two");
    assert!(!body.is_end_stream());
    advance_both(&clock, Duration::from_secs(1)).await;
    assert!(body.frame().await.is_none());
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn grpc_web_stream_ends_with_a_trailers_frame() {
    let clock = ManualClock::at_unix_seconds(NOW);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, "application/grpc-web+proto".parse().unwrap())]);
    let (_sender, mut body) = stream(&clock, StreamKind::of(&headers));
    assert!(body.frame().now_or_never().is_none());
    advance_both(&clock, MINUTE).await;
    let trailers = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(trailers[5..].starts_with(b"grpc-status: 16\r\n") && trailers[0] == 0x80, "{trailers:?}");
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn grpc_stream_ends_with_unauthenticated() {
    let clock = ManualClock::at_unix_seconds(NOW);
    let (_sender, mut body) = stream(&clock, StreamKind::Grpc);
    assert!(body.frame().now_or_never().is_none());
    advance_both(&clock, MINUTE).await;
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "16");
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn stream_that_is_always_ready_ends_at_the_deadline() {
    let clock = ManualClock::at_unix_seconds(NOW);
    let (sender, mut body) = stream(&clock, StreamKind::Events);
    for _ in 0..3 {
        sender.send("more".into()).unwrap();
    }
    assert!(body.frame().await.is_some());
    clock.advance(MINUTE);
    assert!(body.frame().await.is_none(), "frames after the deadline are dropped");
}

#[tokio::test(start_paused = true)]
async fn deadline_wakes_a_pending_body() {
    let clock = ManualClock::at_unix_seconds(NOW);
    let (_sender, mut body) = stream(&clock, StreamKind::Events);
    let waiting = tokio::spawn(async move { body.frame().await.is_none() });
    for _ in 0..6 {
        tokio::task::yield_now().await;
        advance_both(&clock, Duration::from_secs(10)).await;
    }
    assert!(waiting.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn clock_set_back_does_not_end_the_stream_early() {
    let clock = ManualClock::at_unix_seconds(NOW);
    let (_sender, mut body) = stream(&clock, StreamKind::Events);
    assert!(body.frame().now_or_never().is_none());
    advance(MINUTE).await; // only tokio's clock, not the wall clock
    assert!(body.frame().now_or_never().is_none());
    advance_both(&clock, MINUTE).await;
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn truncated_body_ends_with_an_error() {
    let clock = ManualClock::at_unix_seconds(NOW);
    let (sender, mut body) = stream(&clock, StreamKind::Other);
    sender.send("half".into()).unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    advance_both(&clock, MINUTE).await;
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "the token has expired");
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn body_that_ended_before_the_deadline_keeps_its_own_end() {
    let clock = ManualClock::at_unix_seconds(NOW);
    let (sender, mut body) = stream(&clock, StreamKind::Grpc);
    sender.send("done".into()).unwrap();
    drop(sender);
    clock.advance(MINUTE);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "done");
    assert!(body.frame().await.is_none(), "the body has no trailers");
}

#[tokio::test]
async fn body_of_known_length_is_forwarded_without_a_timer() {
    let at = UNIX_EPOCH + Duration::from_secs(u64::from(NOW));
    let end = Deadline::new(at, Arc::new(ManualClock::at_unix_seconds(NOW + 1)));
    let mut body = DeadlineBody::new(Full::new(Bytes::from("done")), Some(end), StreamKind::Other);
    assert_eq!(body.size_hint().exact(), Some(4));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "done");
    assert!(body.frame().await.is_none());
}

#[test]
fn content_type_decides_how_a_body_ends() {
    let kind = |content_type: &str| {
        StreamKind::of(&HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]))
    };
    assert!(matches!(kind("application/grpc+proto"), StreamKind::Grpc));
    assert!(matches!(kind("application/grpc-web"), StreamKind::GrpcWeb(_)));
    for events in ["text/event-stream", "Text/Event-Stream;charset=utf-8"] {
        assert!(matches!(kind(events), StreamKind::Events), "{events}");
    }
    for other in ["text/plain", "application/octet-stream"] {
        assert!(matches!(kind(other), StreamKind::Other), "{other}");
    }
    assert!(matches!(StreamKind::of(&HeaderMap::new()), StreamKind::Other));
}

fn caller_until(until: SystemTime) -> IdInfo {
    IdInfo::of_passport(Claims::parse(b"{}").unwrap(), b"{}".to_vec(), until)
}

#[tokio::test(start_paused = true)]
async fn expired_waits_until_the_token_expires() {
    let valid = caller_until(UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX)));
    assert!(valid.expired().now_or_never().is_none());
    assert!(caller_until(UNIX_EPOCH).expired().now_or_never().is_some());
}

type Stream = Box<dyn Body<Data = Bytes, Error = BoxError> + Send + Unpin>;

/// Returns the response of the layer around a service with a stream that never has a frame.
fn response_of(
    layer: &TokenDeadlineLayer,
    request: Request<()>,
) -> Response<DeadlineBody<ResponseBody<Stream>>> {
    let inner = service_fn(|_: Request<()>| {
        let never = futures_util::stream::pending::<Result<Frame<Bytes>, BoxError>>();
        let body = ResponseBody::new(Box::new(StreamBody::new(never)) as Stream);
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    layer.layer(inner).call(request).now_or_never().unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn layer_reads_the_time_from_its_clock() {
    let layer = TokenDeadlineLayer::new().clock(ManualClock::at_unix_seconds(NOW));
    for (seconds, has_expired) in [(NOW + 1, false), (NOW, true)] {
        let mut request = Request::new(());
        let until = UNIX_EPOCH + Duration::from_secs(seconds.into());
        request.extensions_mut().insert(caller_until(until));
        let mut response = response_of(&layer, request);
        assert_eq!(response.body_mut().frame().now_or_never().is_some(), has_expired, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn stream_of_an_anonymous_request_does_not_end() {
    let mut request = Request::new(());
    request.extensions_mut().insert(Anonymous);
    let mut response = response_of(&TokenDeadlineLayer::new(), request);
    assert!(response.extensions().get::<Rejection>().is_none());
    assert!(response.body_mut().frame().now_or_never().is_none());
}

#[test]
fn missing_layer_is_rejected_in_the_request_protocol() {
    let grpc = || Request::post("/").header(CONTENT_TYPE, "application/grpc").body(()).unwrap();
    for (request, status, is_grpc) in [(grpc(), 200, true), (Request::new(()), 500, false)] {
        let response = response_of(&TokenDeadlineLayer::new(), request);
        assert_eq!(response.extensions().get(), Some(&Rejection::MissingAuthenticateLayer));
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("grpc-status"), is_grpc);
    }
}

#[test]
fn deadline_service_is_ready_when_its_inner_service_is() {
    assert_ready_with_inner_service(&TokenDeadlineLayer::new());
}

/// Returns a caller whose token is valid for a year, and its deny list.
fn revocable_caller() -> (IdInfo, DenyList) {
    let list = DenyList::builder().clock(ManualClock::at_unix_seconds(NOW));
    let list = list.open().now_or_never().unwrap().unwrap();
    let payload = format!(r#"{{"iss":"i","sub":"u","tenant_id":"t","iat":{NOW}}}"#).into_bytes();
    let until = UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX));
    let source = CallerSource { issuer: IssuerName::new("passport"), is_external: false };
    let claims = Claims::parse(&payload).unwrap();
    (IdInfo::new(claims, payload, until, source, Revocation::new(Some(list.clone()))), list)
}

fn deny(list: &DenyList, id: &str) {
    let at = UNIX_EPOCH + Duration::from_secs(u64::from(NOW));
    drop(list.deny(&Denial::new("i", DeniedSubject::Subject(id.to_owned()), at)));
}

#[tokio::test(start_paused = true)]
async fn denial_ends_the_open_stream_of_its_caller() {
    let (caller, list) = revocable_caller();
    let layer = TokenDeadlineLayer::new().clock(ManualClock::at_unix_seconds(NOW));
    let mut request = Request::new(());
    request.extensions_mut().insert(caller);
    let mut response = response_of(&layer, request);
    let mut frame = task::spawn(response.body_mut().frame());
    assert!(frame.poll().is_pending());
    deny(&list, "another");
    assert!(frame.is_woken() && frame.poll().is_pending(), "each change is checked");
    deny(&list, "u");
    assert!(frame.is_woken());
    assert!(matches!(frame.poll(), Poll::Ready(Some(Err(_)))));
}

#[tokio::test(start_paused = true)]
async fn denial_ends_a_stream_that_is_always_ready() {
    let (caller, list) = revocable_caller();
    let frames = futures_util::stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from("x"))));
    let deadline = Deadline::of(&caller, Arc::new(ManualClock::at_unix_seconds(NOW)));
    let mut body = DeadlineBody::new(StreamBody::new(frames), Some(deadline), StreamKind::Events);
    assert!(body.frame().await.is_some() && body.frame().await.is_some());
    deny(&list, "u");
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn stream_of_a_caller_who_is_denied_already_ends() {
    let (caller, list) = revocable_caller();
    deny(&list, "u");
    assert!(caller.expired().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn expired_completes_when_the_caller_is_denied() {
    let (caller, list) = revocable_caller();
    let mut expired = task::spawn(caller.expired());
    assert!(expired.poll().is_pending());
    deny(&list, "u");
    assert!(expired.is_woken() && expired.poll().is_ready());
}

#[tokio::test(start_paused = true)]
async fn inactive_token_ends_the_open_streams_of_its_caller() {
    let endpoint = Endpoint::new(Reply::active(&json!({})));
    let mode = IntrospectionMode::local_then_introspect();
    let clock = TokioClock::start();
    let verifier = trusting([passport(0, "k").introspection(settings(mode))]);
    let verifier = verifier.transport(endpoint.transport()).clock(clock.clone()).build().unwrap();
    let caller = verifier.verify(&test_key(0).token("k", &claims_of(PASSPORT))).await.unwrap();
    let deadline = || Some(Deadline::of(&caller, Arc::new(clock.clone())));
    let always_ready =
        futures_util::stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from("x"))));
    let mut busy = DeadlineBody::new(StreamBody::new(always_ready), deadline(), StreamKind::Events);
    let silent = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let mut silent = DeadlineBody::new(StreamBody::new(silent), deadline(), StreamKind::Events);
    assert!(busy.frame().await.is_some() && busy.frame().await.is_some());
    endpoint.reply(Reply::inactive());
    let started = tokio::time::Instant::now();
    assert!(silent.frame().await.is_none());
    assert!(started.elapsed() <= Duration::from_secs(15));
    tokio::time::sleep(Duration::from_secs(1)).await;
    while busy.frame().await.is_some() {
        assert!(started.elapsed() <= Duration::from_secs(15));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
