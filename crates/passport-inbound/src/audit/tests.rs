use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use futures_util::FutureExt;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tower::{Layer, Service, service_fn};

use super::{event::TracingSink, *};
use crate::{
    IdInfo, Rejection,
    jwt::claims::Claims,
    test_support::{Log, assert_ready_with_inner_service},
};

/// The path and the status of an event.
type Recorded = (String, Option<StatusCode>);

#[derive(Clone, Debug, Default)]
struct RecordingSink(Arc<Mutex<Vec<Recorded>>>);

impl AuditSink for RecordingSink {
    fn record(&self, event: &AuditEvent<'_>) {
        self.0.lock().unwrap().push((event.path.to_owned(), event.status));
    }
}

impl RecordingSink {
    fn assert_one(&self, status: Option<StatusCode>) {
        assert_eq!(*self.0.lock().unwrap(), [("/payroll".to_owned(), status)]);
    }
}

fn request() -> Request<()> {
    Request::get("/payroll?month=5").body(()).unwrap()
}

#[test]
fn dropped_request_is_recorded_without_a_status() {
    let sink = RecordingSink::default();
    let inner = service_fn(|_: Request<()>| pending::<Result<Response<()>, Infallible>>());
    let response = AuditLayer::with_sink(sink.clone()).layer(inner).call(request());
    assert!(sink.0.lock().unwrap().is_empty(), "the request is pending");
    drop(response);
    sink.assert_one(None);
}

#[test]
fn completed_request_is_recorded_once() {
    let sink = RecordingSink::default();
    let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(()))));
    AuditLayer::with_sink(sink.clone()).layer(inner).call(request()).now_or_never().unwrap().unwrap();
    sink.assert_one(Some(StatusCode::OK));
}

#[test]
fn failed_request_is_recorded_once_without_a_status() {
    let sink = RecordingSink::default();
    let inner = service_fn(|_: Request<()>| ready(Err::<Response<()>, _>("connection closed")));
    let error = AuditLayer::with_sink(sink.clone()).layer(inner).call(request()).now_or_never().unwrap();
    assert_eq!(error.unwrap_err(), "connection closed");
    sink.assert_one(None);
}

fn caller(claims: &Value) -> IdInfo {
    let payload = claims.to_string().into_bytes();
    IdInfo::of_passport(Claims::parse(&payload).unwrap(), payload, UNIX_EPOCH)
}

/// The user and the gRPC status of an event.
type UserAndStatus = (Option<String>, Option<u8>);

#[derive(Clone, Debug, Default)]
struct CallerSink(Arc<Mutex<Vec<UserAndStatus>>>);

impl AuditSink for CallerSink {
    fn record(&self, event: &AuditEvent<'_>) {
        let user = event.caller.map(|caller| caller.user_id().to_owned());
        self.0.lock().unwrap().push((user, event.grpc_status));
    }
}

#[test]
fn caller_of_the_outermost_layer_is_recorded() {
    let sink = CallerSink::default();
    let inner = service_fn(|request: Request<()>| {
        for user in ["outer", "inner"] {
            let audited = request.extensions().get::<AuditedCaller>().unwrap();
            audited.set(&caller(&json!({ "sub": user })));
        }
        ready(Ok::<_, Infallible>(Response::new(())))
    });
    AuditLayer::with_sink(sink.clone()).layer(inner).call(request()).now_or_never().unwrap().unwrap();
    assert_eq!(*sink.0.lock().unwrap(), [(Some("outer".to_owned()), None)]);
}

#[test]
fn grpc_status_of_a_grpc_web_rejection_is_recorded() {
    for (content_type, is_rejected, status) in [
        ("application/grpc-web", true, Some(16)),
        ("application/grpc-web", false, None),
        ("application/json", true, None),
    ] {
        let sink = CallerSink::default();
        let inner = service_fn(|_: Request<()>| {
            let mut response = Response::builder().header(CONTENT_TYPE, content_type).body(()).unwrap();
            if is_rejected {
                response.extensions_mut().insert(Rejection::MissingCredentials);
            }
            ready(Ok::<_, Infallible>(response))
        });
        AuditLayer::with_sink(sink.clone()).layer(inner).call(request()).now_or_never().unwrap().unwrap();
        assert_eq!(*sink.0.lock().unwrap(), [(None, status)], "{content_type}");
    }
}

#[test]
fn calls_of_managed_identities_and_rejections_are_logged() {
    let log = Log::listen(tracing::Level::INFO);
    let service = caller(&json!({ "sub": "client-1", "is_service_account": true }));
    let user = caller(&json!({ "sub": "user-1" }));
    let missing = Rejection::MissingCredentials;
    for (caller, rejection) in
        [(&service, None), (&user, None), (&service, Some(&missing)), (&user, Some(&missing))]
    {
        let caller = Some(caller);
        let (method, path, duration) = (&Method::GET, "/payroll", Duration::ZERO);
        let event = AuditEvent { caller, rejection, method, path, status: None, grpc_status: None, duration };
        TracingSink.record(&event);
    }
    let lines = log.lines_with("event_type");
    assert_eq!(lines.len(), 3, "calls of users are not logged: {lines:?}");
    for (line, (kind, who)) in lines.iter().zip([
        ("mi.api.call", "client_id=client-1"),
        ("api.rejected", "client_id=client-1"),
        ("api.rejected", "user_id=user-1"),
    ]) {
        assert!(line.contains(kind) && line.contains(who), "{kind} {who}: {line}");
    }
}

#[test]
fn audit_service_is_ready_when_its_inner_service_is() {
    assert_ready_with_inner_service(&AuditLayer::new());
}
