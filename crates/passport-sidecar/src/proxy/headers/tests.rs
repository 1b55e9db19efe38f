use super::*;

fn forwarded(sent: &[(&str, &str)]) -> Vec<String> {
    let mut headers = HeaderMap::new();
    for (name, value) in sent {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    prepare_request(&mut headers, false);
    let mut forwarded: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    forwarded.sort();
    forwarded
}

#[test]
fn hop_by_hop_and_sidecar_headers_are_removed() {
    let forwarded = forwarded(&[
        ("accept", "*/*"),
        ("connection", "close, x-of-the-hop"),
        ("x-of-the-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic x"),
        ("transfer-encoding", "chunked"),
        ("host", "localhost"),
        ("passport-sidecar", "true"),
        ("passport-sidecar-token", "hidden"),
        ("passport-sidecar-upstream", "erp"),
        ("x-passport-subject", "admin"),
        ("x_passport_roles", "admin"),
        ("x.passport~roles", "admin"),
        ("x-request-id", "7"),
    ]);
    assert_eq!(forwarded, ["accept: */*", "x-request-id: 7"]);
}

#[test]
fn te_is_reduced_to_trailers() {
    assert_eq!(forwarded(&[("te", "trailers"), ("connection", "te")]), ["te: trailers"]);
    assert_eq!(forwarded(&[("te", "deflate;q=0.5, Trailers")]), ["te: trailers"]);
    assert_eq!(forwarded(&[("te", "gzip")]), [""; 0]);
}

#[test]
fn cookies_are_joined_in_one_field() {
    assert_eq!(forwarded(&[("cookie", "a=1"), ("cookie", "b=2")]), ["cookie: a=1; b=2"]);
}

#[test]
fn upstream_cannot_set_the_error_header() {
    let mut headers = HeaderMap::new();
    headers.insert(ERROR_HEADER, HeaderValue::from_static("invalid_client"));
    headers.insert(header::ETAG, HeaderValue::from_static("7"));
    prepare_response(&mut headers);
    assert_eq!(headers.len(), 1);
}

fn map(sent: &[(&str, &str)]) -> HeaderMap {
    let named = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in sent.iter().map(named) {
        headers.append(name, value);
    }
    headers
}

#[test]
fn connection_option_cannot_remove_authorization() {
    for option in [
        "close, authorization",
        "Authorization",
        "close,\tAUTHORIZATION ,x",
        "\u{e4}, authorization",
        "host",
        "content-length",
        "content-type",
        "cookie",
    ] {
        assert!(check(&map(&[("connection", option)])).is_err(), "{option}");
        assert!(check(&map(&[("connection", "close"), ("connection", option)])).is_err());
    }
    for option in ["close", "keep-alive, te", "x-of-the-hop", "upgrade, http2-settings", ""] {
        assert_eq!(check(&map(&[("connection", option)])), Ok(()), "{option}");
    }
}

#[test]
fn request_with_two_tokens_is_rejected() {
    assert!(check(&map(&[("authorization", "Bearer a"), ("authorization", "Bearer b")])).is_err());
    assert_eq!(check(&map(&[("authorization", "Bearer a")])), Ok(()));
}

#[test]
fn message_with_two_lengths_is_rejected() {
    let (length, coding) = (("content-length", "5"), ("transfer-encoding", "chunked"));
    for ambiguous in [
        &[length, length][..],
        &[length, ("content-length", "6")],
        &[length, coding],
        &[("content-length", "5, 5")],
        &[coding, coding],
        &[("transfer-encoding", "gzip, chunked")],
        &[("transfer-encoding", "gzip")],
    ] {
        assert!(check_length(&map(ambiguous)).is_err(), "{ambiguous:?}");
    }
    for unambiguous in [&[][..], &[length], &[coding], &[("transfer-encoding", "Chunked")]] {
        assert_eq!(check_length(&map(unambiguous)), Ok(()), "{unambiguous:?}");
    }
}

#[test]
fn trailers_carry_no_identity_and_no_framing() {
    let trailers = map(&[
        ("grpc-status", "0"),
        ("x-passport-roles", "admin"),
        ("x_passport_roles", "admin"),
        ("passport-sidecar-token", "hidden"),
        ("passport-sidecar-error", "invalid_client"),
        ("authorization", "Bearer x"),
        ("content-length", "5"),
        ("connection", "x-of-the-hop"),
        ("x-of-the-hop", "1"),
        ("transfer-encoding", "chunked"),
    ]);
    let forwarded = filter_trailers(Frame::trailers(trailers)).into_trailers().unwrap();
    assert_eq!(forwarded, map(&[("grpc-status", "0")]));
}

#[test]
fn proxy_headers_are_dropped_if_configured() {
    let sent = [("via", "1.1 gateway"), ("x-forwarded-for", "1.2.3.4"), ("x_real.ip", "1.2.3.4")];
    let mut headers = map(&sent);
    prepare_request(&mut headers, false);
    assert_eq!(headers, map(&sent));
    prepare_request(&mut headers, true);
    assert!(headers.is_empty(), "{headers:?}");
}
