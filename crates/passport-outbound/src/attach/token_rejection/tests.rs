use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn rejects(status: u16, pairs: &[(&'static str, &'static str)]) -> bool {
    rejects_token(StatusCode::from_u16(status).unwrap(), &headers(pairs))
}

#[test]
fn bare_401_and_invalid_token_reject_the_token() {
    assert!(rejects(401, &[]));
    for challenge in [
        "Bearer",
        "Bearer error=\"invalid_token\"",
        "bearer realm=\"x\", error=invalid_token, error_description=\"expired\"",
        "Basic realm=\"error=insufficient_scope\"",
        "DPoP error=\"use_dpop_nonce\", Bearer error=\"invalid_token\"",
        "Bearer error=\"\\",
        "\"",
        "",
    ] {
        assert!(rejects(401, &[("www-authenticate", challenge)]), "{challenge}");
    }
}

#[test]
fn challenge_with_another_error_does_not_reject_the_token() {
    for challenge in [
        "Bearer error=\"insufficient_scope\", scope=\"payroll.write\"",
        "BEARER realm=\"x\", ERROR=insufficient_scope",
        "Bearer error=\"invalid_request\"",
        "Basic realm=\"x\", Bearer error=\"insufficient_scope\"",
    ] {
        assert!(!rejects(401, &[("www-authenticate", challenge)]), "{challenge}");
    }
    let two = [("www-authenticate", "Basic"), ("www-authenticate", "Bearer error=\"insufficient_scope\"")];
    assert!(!rejects(401, &two));
}

#[test]
fn non_ascii_description_does_not_hide_the_error() {
    let mut headers = HeaderMap::new();
    let challenge = "Bearer error=\"insufficient_scope\", error_description=\"refusé\"";
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_bytes(challenge.as_bytes()).unwrap());
    assert!(!rejects_token(StatusCode::UNAUTHORIZED, &headers));
}

#[test]
fn other_statuses_do_not_reject_the_token() {
    for status in [200, 204, 302, 307, 400, 403, 407, 429, 500, 503] {
        assert!(!rejects(status, &[("www-authenticate", "Bearer error=\"invalid_token\"")]), "{status}");
    }
}

#[test]
fn grpc_status_unauthenticated_rejects_the_token() {
    let grpc = ("content-type", "application/grpc+proto");
    assert!(rejects(200, &[grpc, ("grpc-status", "16")]));
    assert!(!rejects(200, &[grpc]));
    assert!(!rejects(200, &[grpc, ("grpc-status", "7")]));
    assert!(!rejects(200, &[grpc, ("grpc-status", "0")]));
    assert!(!rejects(200, &[("content-type", "text/plain"), ("grpc-status", "16")]));
    assert!(rejects(401, &[grpc]), "a proxy in between responds with plain HTTP");
}

#[test]
fn only_post_requests_with_a_grpc_type_are_grpc_calls() {
    let grpc = headers(&[("content-type", "application/grpc")]);
    let grpc_web = headers(&[("content-type", "application/grpc-web+proto")]);
    let json = headers(&[("content-type", "application/json")]);
    for (method, headers, expected) in [
        (Method::POST, &grpc, true),
        (Method::POST, &grpc_web, true),
        (Method::POST, &json, false),
        (Method::POST, &HeaderMap::new(), false),
        (Method::GET, &grpc, false),
    ] {
        assert_eq!(is_grpc_call(&method, headers), expected, "{method} {headers:?}");
    }
}
