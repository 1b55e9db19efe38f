//! In which protocol a refusal is rendered. Pure.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};

/// What a caller can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    GrpcWeb(WebFormat),
    Http,
}

/// A form to which a layer is fixed, so that the caller cannot choose it by a content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Http,
    Grpc,
}

/// A media type of
/// [grpc-web](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md), as it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WebFormat {
    pub(crate) content_type: &'static str,
    is_text: bool,
}

const GRPC: &[u8] = b"application/grpc";

/// The media types that clients send, to be answered by the same. Those with another message format
/// are answered by the first of their kind: nothing of a request comes back.
const BINARY: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web+json",
    "application/grpc-web+thrift",
];
const TEXT: [&str; 4] = [
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
    "application/grpc-web-text+json",
    "application/grpc-web-text+thrift",
];

impl Protocol {
    /// Returns gRPC and grpc-web only for a `POST` of their media types, whatever the version of
    /// HTTP (tonic-web hands on HTTP/1.1), unless the layer is fixed to one form.
    pub(crate) fn of(method: &Method, headers: &HeaderMap, form: Option<Form>) -> Self {
        match form {
            Some(Form::Grpc) => match Self::of_content(headers) {
                Self::Http => Self::Grpc,
                grpc => grpc,
            },
            None if method == Method::POST => Self::of_content(headers),
            Some(Form::Http) | None => Self::Http,
        }
    }

    /// Returns the protocol of a content type, of a request or a response.
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

/// Whether `media` is `base`, or `base+format`.
fn is_kind_of(media: &[u8], base: &[u8]) -> bool {
    media
        .split_at_checked(base.len())
        .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(base) && matches!(rest, [] | [b'+', ..]))
}

impl WebFormat {
    /// The frame with which a body of grpc-web ends: trailers, as HTTP/1.1 writes headers.
    pub(crate) fn trailers(self, status: u8, message: &str) -> Bytes {
        const TRAILERS: u8 = 0x80;
        let text = format!("grpc-status: {status}\r\ngrpc-message: {message}\r\n");
        // Of a requirement's own words, which are short.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut frame = Vec::with_capacity(5 + text.len());
        frame.push(TRAILERS);
        frame.extend(length.to_be_bytes());
        frame.extend(text.as_bytes());
        if self.is_text { Bytes::from(BASE64_STANDARD.encode(frame)) } else { Bytes::from(frame) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())])
    }

    fn web(content_type: &'static str, is_text: bool) -> Protocol {
        Protocol::GrpcWeb(WebFormat { content_type, is_text })
    }

    #[test]
    fn protocol_follows_content_type_and_method() {
        for (content_type, protocol) in [
            ("application/grpc", Protocol::Grpc),
            ("application/grpc+proto", Protocol::Grpc),
            ("Application/gRPC; x=y", Protocol::Grpc),
            ("application/grpc-web", web("application/grpc-web", false)),
            ("application/grpc-web+proto", web("application/grpc-web+proto", false)),
            ("Application/gRPC-Web+Proto ; charset=utf-8", web("application/grpc-web+proto", false)),
            ("application/grpc-web+odd", web("application/grpc-web", false)),
            ("application/grpc-web-text", web("application/grpc-web-text", true)),
            ("application/grpc-web-text+proto", web("application/grpc-web-text+proto", true)),
            ("application/grpc-web-text+odd", web("application/grpc-web-text", true)),
            ("application/grpcx", Protocol::Http),
            ("application/grpc-webx", Protocol::Http),
            ("application/grpc-web-textx", Protocol::Http),
            ("application/json", Protocol::Http),
            ("", Protocol::Http),
        ] {
            let headers = headers(content_type);
            assert_eq!(Protocol::of(&Method::POST, &headers, None), protocol, "{content_type}");
            assert_eq!(Protocol::of(&Method::GET, &headers, None), Protocol::Http, "{content_type}");
        }
    }

    #[test]
    fn fixed_form_is_not_for_the_caller_to_choose() {
        for method in [Method::GET, Method::POST] {
            for content_type in ["application/grpc", "application/grpc-web", "application/json"] {
                let headers = headers(content_type);
                let protocol = Protocol::of(&method, &headers, Some(Form::Http));
                assert_eq!(protocol, Protocol::Http, "{content_type}");
                let protocol = Protocol::of(&method, &headers, Some(Form::Grpc));
                assert_ne!(protocol, Protocol::Http, "{content_type}");
            }
        }
    }

    #[test]
    fn grpc_web_trailers_are_a_frame() {
        let binary = WebFormat { content_type: BINARY[0], is_text: false }.trailers(16, "no");
        assert_eq!(&binary[..], b"\x80\0\0\0\x23grpc-status: 16\r\ngrpc-message: no\r\n".as_slice());
        let text = WebFormat { content_type: TEXT[0], is_text: true }.trailers(16, "no");
        assert_eq!(BASE64_STANDARD.decode(text).unwrap(), binary);
    }
}
