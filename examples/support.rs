//! What the examples share: a server on a free loopback port, and an HTTP client for this machine.

use std::io;

use axum::Router;
use tokio::net::TcpListener;

/// Serves `router` in the background and returns its base URL.
///
/// # Errors
/// When no port can be bound.
pub async fn serve(router: Router) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, router).await });
    Ok(base)
}

/// A client that never leaves this machine: no proxy, no root certificates, and HTTP/2 at once, so that a thousand
/// calls share one connection. In a service, `reqwest::Client::new()` is the start.
///
/// # Errors
/// When the client cannot be built.
pub fn local_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).http2_prior_knowledge().build()
}
