//! Opens connections to an upstream, and sends requests on them.

use std::{mem, time::Duration};

use http::{HeaderValue, Request, Uri, header};
use hyper::client::conn::{http1, http2};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{Connection as _, HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::timeout};
use tower::{BoxError, ServiceExt};

use super::{http1_connection::Http1Connection, request_body::RequestBody};
use crate::limits::Limits;

/// The time limit for two waits:
/// - for a connection to an upstream, with name resolution and TLS. After this time the request
///   fails;
/// - for the response of an upstream to an HTTP/2 ping. After this time the connection is
///   closed.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The stream of a connection to an upstream.
pub(super) type UpstreamStream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Sends requests on an HTTP/2 connection. A task of the connection transfers them.
pub(super) type Http2Sender = http2::SendRequest<RequestBody>;

/// A connection to an upstream that can take a request.
pub(super) enum UpstreamConnection {
    Http1(Box<Http1Connection>),
    Http2(Http2Sender),
}

/// The error of a connection that is not established in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection within 10 s")]
struct ConnectTimedOut;

/// Opens connections to one upstream.
pub(super) struct Connector {
    /// The scheme and the authority of the upstream, with the path `/`.
    root: Uri,
    host: HeaderValue,
    https: HttpsConnector<HttpConnector>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    /// Whether connections speak HTTP/2 although TLS has not negotiated it.
    pub(super) is_http2: bool,
}

impl Connector {
    /// Creates a connector to the upstream at `root`.
    ///
    /// # Errors
    /// Returns an error if the authority of `root` is not a valid value of `Host`.
    pub(super) fn new(
        root: Uri,
        tls: ClientConfig,
        is_http2: bool,
        limits: &Limits,
    ) -> Result<Self, BoxError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        let mut http1 = http1::Builder::new();
        http1.max_buf_size(limits.stream_bytes());
        Ok(Self {
            host: root.authority().map_or("", |authority| authority.as_str()).parse()?,
            root,
            https: https.https_or_http().enable_all_versions().wrap_connector(tcp),
            http1,
            http2: http2(limits),
            is_http2,
        })
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// Returns an error if the connection cannot be established within [`CONNECT_TIMEOUT`].
    pub(super) async fn connect(&self) -> Result<UpstreamConnection, BoxError> {
        timeout(CONNECT_TIMEOUT, self.connect_and_shake_hands()).await.map_err(|_| ConnectTimedOut)?
    }

    /// Opens a connection, without a limit on the time of name resolution and TLS.
    async fn connect_and_shake_hands(&self) -> Result<UpstreamConnection, BoxError> {
        let stream = self.https.clone().oneshot(self.root.clone()).await?;
        if self.is_http2 || stream.connected().is_negotiated_h2() {
            let (sender, connection) = self.http2.handshake(stream).await?;
            // The error of a connection is also the error of its requests.
            tokio::spawn(async { drop(connection.await) });
            return Ok(UpstreamConnection::Http2(sender));
        }
        let (sender, connection) = self.http1.handshake(stream).await?;
        Ok(UpstreamConnection::Http1(Box::new(Http1Connection::new(sender, connection))))
    }

    /// Returns a request as HTTP/1 sends it: with `Host`, and with a URL of path and query.
    pub(super) fn with_host<B>(&self, mut request: Request<B>) -> Request<B> {
        let parts = mem::take(request.uri_mut()).into_parts();
        *request.uri_mut() = parts.path_and_query.map(Uri::from).unwrap_or_default();
        request.headers_mut().insert(header::HOST, self.host.clone());
        request
    }

    /// Returns a request without the changes of [`with_host`](Self::with_host).
    pub(super) fn with_absolute_uri<B>(&self, mut request: Request<B>) -> Request<B> {
        let mut parts = self.root.clone().into_parts();
        parts.path_and_query = mem::take(request.uri_mut()).into_parts().path_and_query;
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        request.headers_mut().remove(header::HOST);
        request
    }
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        // Detects a dead connection by pings, before the next request needs it.
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(CONNECT_TIMEOUT)
        .max_send_buf_size(limits.stream_bytes())
        .initial_stream_window_size(limits.stream_window())
        // The window has room for all streams of a caller, so that an unread stream does not
        // delay the other streams.
        .initial_connection_window_size(limits.upstream_window());
    builder
}

#[cfg(test)]
mod tests;
