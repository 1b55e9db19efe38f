//! A token endpoint over a loopback socket. It takes any path and any form, so that each contender
//! can ask in its own way.

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

/// Ends with the value.
#[derive(Debug)]
pub struct TokenEndpoint {
    address: SocketAddr,
    state: Arc<Conduct>,
    /// None if it is another process's.
    server: Option<AbortHandle>,
}

/// How it answers.
#[derive(Debug, Default)]
struct Conduct {
    lifetime: Duration,
    takes_ms: AtomicU64,
    is_down: AtomicBool,
    requests: AtomicU64,
}

impl TokenEndpoint {
    /// Gives tokens that live for so long.
    pub async fn start(lifetime: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Conduct { lifetime, ..Conduct::default() });
        let router = Router::new().fallback(respond).with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Self { address, state, server: Some(server.abort_handle()) }
    }

    /// The one at `address`, of which it is only known where it is.
    pub fn elsewhere(address: SocketAddr) -> Self {
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

    /// From now on each answer takes so long.
    pub fn takes(&self, time: Duration) {
        self.state.takes_ms.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// From now on it answers 503.
    pub fn goes_down(&self) {
        self.state.is_down.store(true, Ordering::Relaxed);
    }

    /// How often it was asked.
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

/// As long as Passport's, and each another one.
fn access_token(number: u64) -> String {
    format!("{number:0>870}")
}
