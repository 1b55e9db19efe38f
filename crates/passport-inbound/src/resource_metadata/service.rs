//! The Tower service that serves the metadata of a protected resource.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName,
        IF_NONE_MATCH,
    },
};
use http_body_util::Full;
use tower_service::Service;

use super::{ProtectedResource, document::Document};

/// The methods that the service supports.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Any value. In CORS headers, it allows scripts of all origins to send requests, with all headers
/// except credentials.
const ANY: HeaderValue = HeaderValue::from_static("*");

/// Serves the metadata. Never fails, and is always ready.
impl<B> Service<Request<B>> for ProtectedResource {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let uri = request.uri();
        let response = if self.0.identifier.matches(uri.path(), uri.query()) {
            respond(request.method(), request.headers(), &self.rendered().document)
        } else {
            empty(StatusCode::NOT_FOUND, [])
        };
        ready(Ok(response.map(Full::new)))
    }
}

/// Returns the response to a request for the document.
fn respond(method: &Method, headers: &HeaderMap, document: &Document) -> Response<Bytes> {
    match *method {
        Method::GET | Method::HEAD if has_tag(headers, &document.tag) => {
            let mut response = empty(StatusCode::NOT_MODIFIED, []);
            add_caching(response.headers_mut(), document);
            response
        }
        Method::GET => with_content(document, document.content.clone()),
        Method::HEAD => {
            let mut response = with_content(document, Bytes::new());
            response.headers_mut().insert(CONTENT_LENGTH, document.content.len().into());
            response
        }
        Method::OPTIONS => empty(
            StatusCode::NO_CONTENT,
            [
                (ALLOW, METHODS),
                (ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
                (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, ANY),
                (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600")),
            ],
        ),
        _ => empty(StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, METHODS)]),
    }
}

fn with_content(document: &Document, content: Bytes) -> Response<Bytes> {
    let mut response = Response::new(content);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    add_caching(response.headers_mut(), document);
    response
}

/// Adds the headers that a 304 has as well ([RFC 9110, section
/// 15.4.5](https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5)), and that of CORS, without which
/// a script cannot read the response.
fn add_caching(headers: &mut HeaderMap, document: &Document) {
    headers.insert(ETAG, document.tag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
}

fn empty<const N: usize>(status: StatusCode, headers: [(HeaderName, HeaderValue); N]) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    response
}

/// Returns whether `If-None-Match` has this `ETag` or `*` ([RFC 9110, section
/// 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)). The comparison is weak. A comma
/// inside another tag splits that tag. Its parts cannot equal this tag, which has two quotes.
fn has_tag(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().map(HeaderValue::as_bytes);
    values
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|listed| listed == b"*" || listed.strip_prefix(b"W/").unwrap_or(listed) == tag.as_bytes())
}

#[cfg(test)]
mod tests;
