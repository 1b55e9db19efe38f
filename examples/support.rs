//! What the examples share: an HTTP server on a free loopback port.

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
