//! Support for unit tests: a state without a server, requests to its routes, and a receiver without
//! a network.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use passport_core::{HttpClient, ManualClock, ResponseLimits, Transport, TransportError, TransportErrorKind};
use serde_json::Value;
use tower::ServiceExt;

use crate::{DevIdentity, DevIdentityBuilder, keys::SigningKeys, routes::router, server_state::ServerState};

/// The time of the state's clock, as Unix time in seconds.
pub(crate) const NOW: u32 = 1_750_000_000;

/// Creates a state that sends requests to receivers with `client`.
pub(crate) fn state_with(client: FakeClient) -> Arc<ServerState> {
    let clock = Arc::new(ManualClock::at_unix_seconds(NOW));
    let (issuer, audience) = ("http://passport.test".to_owned(), "bizfirstgo-api".to_owned());
    let keys = SigningKeys::generate_now();
    let mut state = ServerState::new(issuer, audience, clock, Duration::from_secs(3600), keys);
    state.transport = Transport::new(client);
    Arc::new(state)
}

/// Creates a state whose requests to receivers fail.
pub(crate) fn state() -> Arc<ServerState> {
    state_with(FakeClient::default())
}

/// Registers a managed identity with this name.
pub(crate) fn identity(state: &Arc<ServerState>, name: &str) -> DevIdentity {
    DevIdentityBuilder::new(Arc::clone(state), name).create()
}

/// Returns the value of a `Basic` header with the first secret of `identity`.
pub(crate) fn basic(identity: &DevIdentity) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", identity.client_id(), identity.secret())))
}

/// Sends a request to the routes of `state`. `authorization` is the value of the header.
pub(crate) async fn send(
    state: &Arc<ServerState>,
    path: &str,
    authorization: &str,
    content_type: &str,
    body: String,
) -> (StatusCode, Response<()>, String) {
    let request = Request::post(path)
        .header(header::AUTHORIZATION, authorization)
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::from(body));
    send_request(state, request.unwrap()).await
}

/// Sends `request` to the routes of `state`. Returns the status, the head and the body.
pub(crate) async fn send_request(
    state: &Arc<ServerState>,
    request: Request<Body>,
) -> (StatusCode, Response<()>, String) {
    let response = router(Arc::clone(state)).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (parts.status, Response::from_parts(parts, ()), body)
}

/// Sends a form to the routes of `state`. Returns the status and the body.
pub(crate) async fn post_form(
    state: &Arc<ServerState>,
    path: &str,
    authorization: &str,
    form: &str,
) -> (StatusCode, String) {
    let content_type = "application/x-www-form-urlencoded";
    let (status, _, body) = send(state, path, authorization, content_type, form.to_owned()).await;
    (status, body)
}

/// Returns whether introspection reports `token` as active.
pub(crate) async fn is_active(state: &Arc<ServerState>, token: &str) -> bool {
    let asks = identity(state, "introspecting");
    let form = format!("token={token}");
    let (status, body) = post_form(state, "/passport/token/introspect", &basic(&asks), &form).await;
    assert_eq!(status, 200);
    serde_json::from_str::<Value>(&body).unwrap()["active"].as_bool().unwrap()
}

/// Returns the JOSE header of `token`.
pub(crate) fn header_of(token: &str) -> Value {
    let header = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}

/// A request that a [`FakeClient`] has received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) uri: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// An HTTP client that records the requests, and returns the prepared responses. Without a prepared
/// response, it returns an error like a closed port. Clones share the records.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeClient {
    responses: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl FakeClient {
    /// Prepares responses with these statuses and bodies.
    pub(crate) fn with<const N: usize>(responses: [(u16, &'static str); N]) -> Self {
        Self { responses: Arc::new(Mutex::new(responses.into())), received: Arc::default() }
    }

    /// Returns the received requests.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl HttpClient for FakeClient {
    async fn send(
        &self,
        request: Request<Bytes>,
        _limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        self.received.lock().unwrap().push(Received {
            uri: request.uri().to_string(),
            content_type: request.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        });
        let response = self.responses.lock().unwrap().pop_front();
        let (status, body) = response.ok_or(TransportError::new(TransportErrorKind::Connect))?;
        Ok(Response::builder().status(status).body(Bytes::from(body)).unwrap())
    }
}
