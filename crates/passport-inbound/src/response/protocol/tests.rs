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
fn forced_protocol_ignores_the_content_type() {
    for method in [Method::GET, Method::POST] {
        for content_type in ["application/grpc", "application/grpc-web", "application/json"] {
            let headers = headers(content_type);
            let protocol = Protocol::of(&method, &headers, Some(ForcedProtocol::Http));
            assert_eq!(protocol, Protocol::Http, "{content_type}");
            let protocol = Protocol::of(&method, &headers, Some(ForcedProtocol::Grpc));
            assert_ne!(protocol, Protocol::Http, "{content_type}");
        }
    }
}

#[test]
fn grpc_web_trailers_are_one_frame() {
    let binary = WebFormat { content_type: BINARY[0], is_text: false }.trailers(16, "no");
    assert_eq!(&binary[..], b"\x80\0\0\0\x23grpc-status: 16\r\ngrpc-message: no\r\n".as_slice());
    let text = WebFormat { content_type: TEXT[0], is_text: true }.trailers(16, "no");
    assert_eq!(BASE64_STANDARD.decode(text).unwrap(), binary);
}
