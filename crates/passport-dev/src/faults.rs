//! The ways in which an endpoint can be made to fail.

use std::{io, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;

/// An endpoint that can be counted and made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The discovery document, at both places.
    Discovery,
    /// `POST /passport/token/introspect`.
    Introspection,
    /// The signing keys, at both places.
    Jwks,
    /// `POST /passport/token`.
    Token,
}

impl Endpoint {
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        match path {
            "/passport/.well-known/openid-configuration" | "/.well-known/openid-configuration" => {
                Some(Self::Discovery)
            }
            "/passport/.well-known/jwks.json" | "/.well-known/jwks.json" => Some(Self::Jwks),
            "/passport/token" => Some(Self::Token),
            "/passport/token/introspect" => Some(Self::Introspection),
            _ => None,
        }
    }
}

/// A way to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed without a response.
    Down,
    /// The response is valid and comes this much later.
    Slow(Duration),
    /// This status, with an empty body.
    Status(StatusCode),
    /// Status 429, with this in its `Retry-After`: seconds or a date.
    Throttled(String),
    /// Status 200 with this as JSON.
    Body(String),
    /// Status 200 with a web page, as a proxy or a captive portal sends it.
    Html,
    /// The right status and headers, but the connection ends in the middle of the body.
    Truncated,
    /// The right status and headers with a body of this many bytes.
    Oversize(usize),
    /// A redirect to this address.
    Redirect(String),
}

/// The body of each response. That of a faulty one can fail.
pub(crate) type ResponseBody = UnsyncBoxBody<Bytes, io::Error>;

pub(crate) fn intact(response: Response<Body>) -> Response<ResponseBody> {
    response.map(|body| body.map_err(io::Error::other).boxed_unsync())
}

impl Fault {
    /// Turns `response` into that of an endpoint with this fault.
    ///
    /// # Errors
    /// When the connection is to be closed instead.
    pub(crate) async fn distort(self, response: Response<Body>) -> Result<Response<ResponseBody>, io::Error> {
        match self {
            Self::Down => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the endpoint is down")),
            Self::Slow(delay) => {
                tokio::time::sleep(delay).await;
                Ok(intact(response))
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

fn with_body(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<ResponseBody> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    intact(response)
}

/// The same with one header more, if `value` can be one.
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

async fn truncated(response: Response<Body>) -> Result<Response<ResponseBody>, io::Error> {
    let (mut parts, body) = response.into_parts();
    let whole = body.collect().await.map_err(io::Error::other)?.to_bytes();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    let then_break = io::Error::new(io::ErrorKind::ConnectionAborted, "the answer is cut off");
    let frames = futures_util::stream::iter([Ok(Frame::data(half)), Err(then_break)]);
    Ok(Response::from_parts(parts, StreamBody::new(frames).boxed_unsync()))
}
