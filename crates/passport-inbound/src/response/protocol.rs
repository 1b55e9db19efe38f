//! The protocol of the response to a rejected request: HTTP, gRPC or grpc-web. Pure.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};

/// A protocol in which a rejection is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    GrpcWeb(WebFormat),
    Http,
}

/// The configured protocol in which a layer rejects all requests. Without this setting, the
/// content type of a request determines the protocol, so the client chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForcedProtocol {
    Http,
    Grpc,
}

/// The media type and the encoding of a
/// [grpc-web](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md) response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WebFormat {
    pub(crate) content_type: &'static str,
    /// Whether the body is encoded in base64 (`application/grpc-web-text`).
    is_text: bool,
}

const GRPC: &[u8] = b"application/grpc";

/// The media types of binary grpc-web. The media type of a response is one of these constants,
/// so that the response contains no text of the request:
///
/// - If the media type of the request is in this list, the response has the same one.
/// - Otherwise, the response has the first one of the list.
const BINARY: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web+json",
    "application/grpc-web+thrift",
];
/// The media types of grpc-web in base64. The media type of a response is chosen as described at
/// [`BINARY`].
const TEXT: [&str; 4] = [
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
    "application/grpc-web-text+json",
    "application/grpc-web-text+thrift",
];

impl Protocol {
    /// Returns the protocol of the response that rejects a request:
    ///
    /// - If `forced` is HTTP: HTTP.
    /// - If `forced` is gRPC: grpc-web for a request with a media type of grpc-web, otherwise gRPC.
    /// - If `forced` is `None`: gRPC or grpc-web for a `POST` with a media type of gRPC or
    ///   grpc-web, otherwise HTTP. The version of HTTP does not matter, because tonic-web also
    ///   forwards HTTP/1.1.
    pub(crate) fn of(method: &Method, headers: &HeaderMap, forced: Option<ForcedProtocol>) -> Self {
        match forced {
            Some(ForcedProtocol::Grpc) => match Self::of_content(headers) {
                Self::Http => Self::Grpc,
                grpc => grpc,
            },
            None if method == Method::POST => Self::of_content(headers),
            Some(ForcedProtocol::Http) | None => Self::Http,
        }
    }

    /// Returns the protocol to which the `Content-Type` of a request or a response belongs. Returns
    /// HTTP for any other `Content-Type`, and if there is none.
    pub(crate) fn of_content(headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let media = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if is_kind_of(media, GRPC) {
            return Self::Grpc;
        }
        [(&BINARY, false), (&TEXT, true)]
            .into_iter()
            .find(|(kinds, _)| is_kind_of(media, kinds[0].as_bytes()))
            .map_or(Self::Http, |(kinds, is_text)| {
                let same = kinds.iter().find(|kind| media.eq_ignore_ascii_case(kind.as_bytes()));
                Self::GrpcWeb(WebFormat { content_type: same.unwrap_or(&kinds[0]), is_text })
            })
    }
}

/// Returns whether `media` is `base` or `base+format`, for any `format`. Ignores case.
fn is_kind_of(media: &[u8], base: &[u8]) -> bool {
    media
        .split_at_checked(base.len())
        .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(base) && matches!(rest, [] | [b'+', ..]))
}

impl WebFormat {
    /// Renders the trailers frame that ends a grpc-web body. The trailers have the syntax of
    /// HTTP/1.1 headers.
    pub(crate) fn trailers(self, status: u8, message: &str) -> Bytes {
        const TRAILERS: u8 = 0x80;
        let text = format!("grpc-status: {status}\r\ngrpc-message: {message}\r\n");
        // The length fits unless the text has more than 4 GiB. No requirement has such a text.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut frame = Vec::with_capacity(5 + text.len());
        frame.push(TRAILERS);
        frame.extend(length.to_be_bytes());
        frame.extend(text.as_bytes());
        if self.is_text { Bytes::from(BASE64_STANDARD.encode(frame)) } else { Bytes::from(frame) }
    }
}

#[cfg(test)]
mod tests;
