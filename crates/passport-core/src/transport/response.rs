use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, header::CONTENT_ENCODING};

use super::{
    client::ResponseLimits,
    error::{TransportError, TransportErrorKind},
    reqwest_error::classified,
};

/// Returns the `Content-Encoding` of a response, or `None` if it is missing, empty or
/// `identity`. An unknown encoding is replaced by a fixed text, so that the result is safe to
/// display.
pub(super) fn encoding(headers: &HeaderMap) -> Option<&'static str> {
    const KNOWN: [&str; 5] = ["gzip", "br", "deflate", "zstd", "compress"];
    let encoding = headers.get(CONTENT_ENCODING)?.as_bytes().trim_ascii();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity") {
        return None;
    }
    let known = KNOWN.into_iter().find(|known| encoding.eq_ignore_ascii_case(known.as_bytes()));
    Some(known.unwrap_or("an unknown Content-Encoding"))
}

/// Reads the body of `response`. A body larger than [`ResponseLimits::max_body`] is an error.
pub(super) async fn read(
    mut response: reqwest::Response,
    limits: ResponseLimits,
) -> Result<Response<Bytes>, TransportError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limits.max_body as u64 {
        return Err(TransportError::new(TransportErrorKind::TooLarge));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(classified)? {
        if body.len() + chunk.len() > limits.max_body {
            return Err(TransportError::new(TransportErrorKind::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(without_body(response).map(|_| body.freeze()))
}

/// Returns the status and the headers of `response`, with an empty body.
pub(super) fn without_body(mut response: reqwest::Response) -> Response<Bytes> {
    let mut head = Response::new(Bytes::new());
    *head.status_mut() = response.status();
    *head.headers_mut() = std::mem::take(response.headers_mut());
    head
}
