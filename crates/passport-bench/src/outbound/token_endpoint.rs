//! A token endpoint over a loopback socket. It accepts any path and any form, because contenders
//! request tokens in different ways.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;
use tokio::{net::TcpListener, task::AbortHandle};

/// A token endpoint. It stops when the value is dropped.
#[derive(Debug)]
pub struct TokenEndpoint {
    address: SocketAddr,
    state: Arc<Conduct>,
    /// `None` if the endpoint runs in another process.
    server: Option<AbortHandle>,
}

/// The state of the endpoint.
#[derive(Debug, Default)]
struct Conduct {
    lifetime: Duration,
    takes_ms: AtomicU64,
    is_down: AtomicBool,
    requests: AtomicU64,
}

impl TokenEndpoint {
    /// Starts an endpoint that issues tokens with this lifetime.
    pub async fn start(lifetime: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("the listener is bound");
        let state = Arc::new(Conduct { lifetime, ..Conduct::default() });
        let router = Router::new().fallback(respond).with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Self { address, state, server: Some(server.abort_handle()) }
    }

    /// Returns a handle of the endpoint at `address` in another process.
    pub fn in_another_process(address: SocketAddr) -> Self {
        Self { address, state: Arc::default(), server: None }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn url(&self) -> String {
        format!("{}/passport/token", self.origin())
    }

    /// Sets the duration of each response from now on.
    pub fn takes(&self, time: Duration) {
        self.state.takes_ms.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Responds with 503 from now on.
    pub fn start_outage(&self) {
        self.state.is_down.store(true, Ordering::Relaxed);
    }

    /// Returns the number of token requests.
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

async fn respond(State(conduct): State<Arc<Conduct>>) -> Response {
    let number = conduct.requests.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(conduct.takes_ms.load(Ordering::Relaxed))).await;
    if conduct.is_down.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Json(json!({
        "access_token": access_token(number),
        "token_type": "Bearer",
        "expires_in": conduct.lifetime.as_secs(),
        "scope": "openid roles",
    }))
    .into_response()
}

/// Returns a token as long as Passport's, a different one each time.
fn access_token(number: u64) -> String {
    format!("{number:0>870}")
}
