use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::{Arc, Mutex},
};

use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use tower::{Layer, Service, service_fn};

use super::*;

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
    assert!(sink.0.lock().unwrap().is_empty(), "the request is not over");
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
