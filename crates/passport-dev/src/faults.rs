//! Faults that can be injected into an endpoint.

use std::{io, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;

/// An endpoint of the dev Passport. It selects where to inject a [`Fault`], or which counter of
/// [`Counters`](crate::Counters) to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The discovery document (`openid-configuration`), below `/passport/.well-known/` and below
    /// `/.well-known/`.
    Discovery,
    /// `POST /passport/events/poll`.
    EventsPoll,
    /// `POST /passport/token/introspect`.
    Introspection,
    /// The signing keys (`jwks.json`), below `/passport/.well-known/` and below `/.well-known/`.
    Jwks,
    /// `POST /passport/token/revoke`.
    Revocation,
    /// `POST /passport/token`.
    Token,
}

impl Endpoint {
    /// Returns the endpoint at `path`. Returns `None` if no endpoint has this path.
    pub(crate) fn from_path(path: &str) -> Option<Self> {
        match path {
            "/passport/.well-known/openid-configuration" | "/.well-known/openid-configuration" => {
                Some(Self::Discovery)
            }
            "/passport/.well-known/jwks.json" | "/.well-known/jwks.json" => Some(Self::Jwks),
            "/passport/token" => Some(Self::Token),
            "/passport/token/introspect" => Some(Self::Introspection),
            "/passport/token/revoke" => Some(Self::Revocation),
            "/passport/events/poll" => Some(Self::EventsPoll),
            _ => None,
        }
    }
}

/// A fault of an endpoint, injected with [`DevPassport::inject`](crate::DevPassport::inject).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed without a response.
    Down,
    /// The valid response is sent after this delay.
    Slow(Duration),
    /// The response has this status and an empty body.
    Status(StatusCode),
    /// The response has status 429 and this `Retry-After`: seconds or an HTTP date.
    Throttled(String),
    /// The response has status 200 and this text as its JSON body.
    Body(String),
    /// The response has status 200 and a web page as its body, as from a proxy or a captive portal.
    Html,
    /// The response has the status and the headers of the valid response, but the connection is
    /// closed in the middle of the body.
    Truncated,
    /// The response has the status of the valid response, but its body consists of this many
    /// spaces.
    Oversize(usize),
    /// The response has status 307 and redirects to this URL (`Location`).
    Redirect(String),
}

/// The body type of every response. Such a body ends with an error if the fault is
/// [`Fault::Truncated`].
pub(crate) type ResponseBody = UnsyncBoxBody<Bytes, io::Error>;

/// Converts the body of `response` to the body type of all responses. The content does not
/// change.
pub(crate) fn boxed(response: Response<Body>) -> Response<ResponseBody> {
    response.map(|body| body.map_err(io::Error::other).boxed_unsync())
}

impl Fault {
    /// Returns the response that the server sends instead of the valid `response`.
    ///
    /// # Errors
    /// Returns an error if the server must close the connection without a response.
    pub(crate) async fn apply(self, response: Response<Body>) -> Result<Response<ResponseBody>, io::Error> {
        match self {
            Self::Down => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the endpoint is down")),
            Self::Slow(delay) => {
                tokio::time::sleep(delay).await;
                Ok(boxed(response))
            }
            Self::Status(status) => Ok(with_body(status, "text/plain", Vec::new())),
            Self::Throttled(retry_after) => {
                let response = with_body(StatusCode::TOO_MANY_REQUESTS, "text/plain", Vec::new());
                Ok(with_header(response, header::RETRY_AFTER, &retry_after))
            }
            Self::Body(body) => Ok(with_body(StatusCode::OK, "application/json", body.into_bytes())),
            Self::Html => Ok(with_body(StatusCode::OK, "text/html", b"<html>Please log in</html>".to_vec())),
            Self::Truncated => truncated(response).await,
            Self::Oversize(size) => Ok(with_body(response.status(), "application/json", vec![b' '; size])),
            Self::Redirect(location) => {
                let response = with_body(StatusCode::TEMPORARY_REDIRECT, "text/plain", Vec::new());
                Ok(with_header(response, header::LOCATION, &location))
            }
        }
    }
}

/// Creates a response with a status, a content type and a body.
fn with_body(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<ResponseBody> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    boxed(response)
}

/// Sets a header of `response`. If `value` has characters that a header cannot have, returns
/// `response` unchanged.
fn with_header(
    mut response: Response<ResponseBody>,
    name: HeaderName,
    value: &str,
) -> Response<ResponseBody> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Returns `response` with its full `Content-Length`, but only the first half of its body.
async fn truncated(response: Response<Body>) -> Result<Response<ResponseBody>, io::Error> {
    let (mut parts, body) = response.into_parts();
    let whole = body.collect().await.map_err(io::Error::other)?.to_bytes();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    let disconnect = io::Error::new(io::ErrorKind::ConnectionAborted, "the response is truncated");
    let frames = futures_util::stream::iter([Ok(Frame::data(half)), Err(disconnect)]);
    Ok(Response::from_parts(parts, StreamBody::new(frames).boxed_unsync()))
}
