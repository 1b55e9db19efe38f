//! An introspection endpoint with scripted answers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use passport_core::{
    HttpClient, ResponseLimits, SecretSource, Transport, TransportError, TransportErrorKind,
};
use serde_json::{Value, json};
use tokio::{sync::watch, time::sleep};

use crate::{Introspection, IntrospectionMode};

/// A scripted answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status 200 with this body, as JSON.
    Body(String),
    /// Status 200 with this content type and body.
    Typed(&'static str, String),
    /// This status, without a body.
    Status(StatusCode),
    /// No connection.
    Fails,
    /// No response.
    Never,
}

impl Reply {
    /// Returns an answer about an active token with these members.
    pub(crate) fn active(members: &Value) -> Self {
        let mut answer = json!({ "active": true });
        let members = members.as_object().unwrap().clone();
        answer.as_object_mut().unwrap().extend(members);
        Self::Body(answer.to_string())
    }

    pub(crate) fn inactive() -> Self {
        Self::Body(json!({ "active": false }).to_string())
    }
}

/// An introspection endpoint that records the requests.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint(Arc<Script>);

#[derive(Debug)]
struct Script {
    reply: Mutex<Reply>,
    delay: Mutex<Duration>,
    requests: Mutex<Vec<Request<Bytes>>>,
    calls: watch::Sender<usize>,
}

impl Endpoint {
    pub(crate) fn new(reply: Reply) -> Self {
        let (reply, delay) = (Mutex::new(reply), Mutex::default());
        Self(Arc::new(Script { reply, delay, requests: Mutex::default(), calls: watch::Sender::new(0) }))
    }

    /// Sets the answer from now on.
    pub(crate) fn reply(&self, reply: Reply) {
        *self.0.reply.lock().unwrap() = reply;
    }

    /// Sets the time before each answer.
    pub(crate) fn delay(&self, delay: Duration) {
        *self.0.delay.lock().unwrap() = delay;
    }

    /// Returns the number of calls so far.
    pub(crate) fn calls(&self) -> usize {
        *self.0.calls.borrow()
    }

    /// Waits until there were at least `calls` calls.
    pub(crate) async fn wait_for_calls(&self, calls: usize) {
        self.0.calls.subscribe().wait_for(|made| *made >= calls).await.unwrap();
    }

    /// Returns all requests so far.
    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.0.requests.lock().unwrap().clone()
    }

    pub(crate) fn transport(&self) -> Transport {
        Transport::new(self.clone())
    }
}

impl HttpClient for Endpoint {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let (reply, delay) = (self.0.reply.lock().unwrap().clone(), *self.0.delay.lock().unwrap());
        self.0.requests.lock().unwrap().push(request);
        self.0.calls.send_modify(|calls| *calls += 1);
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let (status, content_type, body) = match reply {
            Reply::Body(body) => (StatusCode::OK, "application/json", body),
            Reply::Typed(content_type, body) => (StatusCode::OK, content_type, body),
            Reply::Status(status) => (status, "application/json", String::new()),
            Reply::Fails => return Err(TransportError::new(TransportErrorKind::Connect)),
            Reply::Never => std::future::pending().await,
        };
        let response = Response::builder().status(status).header(CONTENT_TYPE, content_type);
        Ok(response.body(Bytes::from(body)).unwrap())
    }
}

/// Returns settings with the client `client` and the secret `s3cret`.
pub(crate) fn settings(mode: IntrospectionMode) -> Introspection {
    Introspection::new("client", SecretSource::from_value("s3cret")).mode(mode)
}
