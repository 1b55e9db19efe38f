//! Shared code of the examples: starts a server on a free loopback port, and creates an HTTP
//! client for it.

use std::io;

use axum::Router;
use tokio::net::TcpListener;

/// Serves `router` on a free loopback port, in a task. Returns the base URL.
///
/// # Errors
/// Returns an error if no port can be bound.
pub async fn serve(router: Router) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, router).await });
    Ok(base)
}

/// Returns an HTTP client for loopback, without a proxy and without root certificates. The
/// client uses HTTP/2, so that 1,000 calls share one connection. A service uses
/// `reqwest::Client::new()` instead.
///
/// # Errors
/// Returns an error if the client cannot be built.
pub fn local_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).http2_prior_knowledge().build()
}
