//! Checks the headers of forwarded requests and responses. Removes the headers that are not for
//! the recipient: hop-by-hop headers, and headers of the sidecar. Pure.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body::{Body, Frame};

use crate::{
    error::ERROR_HEADER,
    request_guard::{SIDECAR_HEADER, begins_like, is_proxy_header},
};

/// Hop-by-hop fields, which belong to a connection and not to a message
/// ([RFC 9110, section 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields for credentials, routing and framing. `Connection` must not name these fields, and
/// they must not be trailers ([RFC 9110, section
/// 6.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1)).
const END_TO_END: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::HOST,
    header::SET_COOKIE,
];

/// Checks the headers of a request, before any header is removed.
///
/// # Errors
/// Returns an error if the upstream could read the headers in another way than the sidecar:
/// - `Connection` names a header such as `Authorization`, which would be removed;
/// - there is more than one `Authorization` header;
/// - the length of the body is ambiguous.
pub(super) fn check(headers: &HeaderMap) -> Result<(), &'static str> {
    if connection_options(headers).any(|name| END_TO_END.contains(&name)) {
        return Err(
            "Connection names an end-to-end field such as Authorization: name hop-by-hop fields only",
        );
    }
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return Err("more than one Authorization header: send one");
    }
    check_length(headers)
}

/// Checks that the length of the body is given at most once: by `Content-Length`, or by
/// `Transfer-Encoding: chunked`.
///
/// # Errors
/// Returns an error if the length is ambiguous
/// ([RFC 9112, section 6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3)).
pub(super) fn check_length(headers: &HeaderMap) -> Result<(), &'static str> {
    let values = |name| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let (mut lengths, mut codings) = (values(header::CONTENT_LENGTH), values(header::TRANSFER_ENCODING));
    match (lengths.next(), lengths.next(), codings.next(), codings.next()) {
        (None, None, None, None) => Ok(()),
        (Some(length), None, None, None) if !length.contains(&b',') => Ok(()),
        (None, None, Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err("ambiguous length: expected one Content-Length, or Transfer-Encoding: chunked"),
    }
}

/// Returns whether a request needs the header `Transfer-Encoding: chunked`. Without this header,
/// hyper does not send a body of unknown length in a `GET` or `HEAD` request.
pub(super) fn needs_chunks(method: &Method, body: &impl Body) -> bool {
    let is_unusual = [Method::GET, Method::HEAD].contains(method);
    is_unusual && !body.is_end_stream() && body.size_hint().exact().is_none()
}

/// Removes fields from `frame` if it contains trailers:
/// - hop-by-hop fields, headers of the sidecar, and proxy headers;
/// - fields that must not be trailers.
///
/// Returns a frame without trailers unchanged.
pub(super) fn filter_trailers(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            let also = [header::TE, header::TRAILER];
            remove(&mut trailers, |name| {
                is_sidecar_header(name)
                    || is_proxy_header(name)
                    || END_TO_END.contains(name)
                    || also.contains(name)
            });
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

/// Turns the headers of a client's request into the headers of the request to the upstream:
/// - joins cookies;
/// - removes hop-by-hop headers, except for `TE: trailers`;
/// - removes `Host` and the headers of the sidecar;
/// - removes `X-Passport-*`, because these headers name a verified user or service, and a client
///   must not forge them;
/// - removes proxy headers if `drops_proxy_headers` is true.
pub(super) fn prepare_request(headers: &mut HeaderMap, drops_proxy_headers: bool) {
    let takes_trailers = list_members(headers, header::TE).any(|te| te.eq_ignore_ascii_case(b"trailers"));
    join_cookies(headers);
    remove(headers, |name| {
        let is_proxy_header = drops_proxy_headers && is_proxy_header(name);
        name == header::TE || name == header::HOST || is_sidecar_header(name) || is_proxy_header
    });
    if takes_trailers {
        // gRPC servers require `TE: trailers`.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

fn is_sidecar_header(name: &HeaderName) -> bool {
    // Some servers read `_`, or each character that is neither a letter nor a digit, as `-`.
    [SIDECAR_HEADER.as_str(), "x-passport-"].iter().any(|prefix| begins_like(name.as_str(), prefix))
}

/// Joins several `Cookie` fields into one field, because HTTP/2 allows several fields, and
/// HTTP/1 only one ([RFC 9113, section
/// 8.2.3](https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3)).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(mut joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        joined.set_sensitive(true);
        headers.insert(header::COOKIE, joined);
    }
}

/// Turns the headers of an upstream's response into the headers of the response to the client.
/// Removes hop-by-hop headers. Also removes the error header, because only the sidecar is
/// allowed to send it.
pub(super) fn prepare_response(headers: &mut HeaderMap) {
    remove(headers, |name| *name == ERROR_HEADER);
}

/// Removes hop-by-hop fields, the fields that `Connection` names, and the fields for which
/// `also` returns true.
fn remove(headers: &mut HeaderMap, also: impl Fn(&HeaderName) -> bool) {
    let named: Vec<HeaderName> = connection_options(headers).collect();
    let is_removed = |name: &&HeaderName| HOP_BY_HOP.contains(name) || named.contains(name) || also(name);
    let names: Vec<HeaderName> = headers.keys().filter(is_removed).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Returns the names of the fields that `Connection` lists.
fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    list_members(headers, header::CONNECTION).filter_map(|name| HeaderName::from_bytes(name).ok())
}

/// Returns the members of the comma-separated list in the header `name`. The members are bytes,
/// so that a member that is not ASCII does not hide the other members.
fn list_members(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    values.flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests;
