use super::*;
use crate::test_support::Log;

fn rules() -> CredentialRules {
    CredentialRules {
        cookie: Some("session".to_owned()),
        query: true,
        strips_token: true,
        ..CredentialRules::default()
    }
}

fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get(uri).body(()).unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(HeaderName::try_from(*name).unwrap(), value);
    }
    request
}

const EVENTS: (&str, &str) = ("accept", "text/event-stream; q=1, */*");

#[test]
fn token_is_read_from_configured_locations() {
    let upgrade = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
    for (uri, headers, found) in [
        ("/", &[("authorization", "Bearer h")][..], Some("h")),
        ("/?access_token=q", &[EVENTS], Some("q")),
        ("/?a=b&access_token=q&c=d", &upgrade, Some("q")),
        ("/?access_token=q", &[], None),
        ("/?access_token=q", &upgrade[..1], None),
        ("/?access_token=q", &upgrade[1..], None),
        ("/?xaccess_token=q", &[EVENTS], None),
        ("/", &[("cookie", "a=b; session=c; d=e")], Some("c")),
        ("/", &[("cookie", "session=\"c\"")], Some("c")),
        ("/", &[("cookie", "sessions=c")], None),
        ("/?access_token=", &[EVENTS, ("cookie", "session=; a=b")], None),
        ("/", &[("cookie", "name=M\u{fc}ller; session = c")], Some("c")),
        ("/?access%5Ftoken=q", &[EVENTS], Some("q")),
        ("/", &[("authorization", "Bearer h"), ("cookie", "session=c")], Some("h")),
        ("/?access_token=q", &[EVENTS, ("cookie", "session=c")], Some("q")),
    ] {
        let request = request(uri, headers);
        let token = rules().token(&request).unwrap().map(String::from_utf8_lossy);
        assert_eq!(token.as_deref(), found, "{uri} {headers:?}");
        let token = CredentialRules::default().token(&request).unwrap().map(String::from_utf8_lossy);
        assert_eq!(token.as_deref(), found.filter(|token| *token == "h"), "by default only from the header");
    }
}

#[test]
fn two_tokens_are_rejected() {
    for (uri, headers) in [
        ("/?access_token=q", &[EVENTS, ("authorization", "Bearer h")][..]),
        ("/?access_token=q&access_token=q", &[EVENTS]),
        ("/?access_token=q&access%5ftoken=r", &[EVENTS]),
        ("/", &[("cookie", "session=a; session=b")]),
        ("/", &[("cookie", "session=a"), ("cookie", "session=b")]),
    ] {
        let found = rules().token(&request(uri, headers)).map(drop);
        assert_eq!(found, Err(RejectionReason::DuplicateCredentials), "{uri} {headers:?}");
    }
}

#[test]
fn chunked_cookies_are_recognized() {
    let chunked = |cookies: &str| {
        let request = request("/", &[("cookie", cookies)]);
        let token = cookie(request.headers(), "session").unwrap();
        is_chunked(request.headers(), "session", token)
    };
    for cookies in [
        "session.0=a; session.1=b",
        "x=y; session-0=a",
        "session_1=a",
        "session=chunks-2; sessionC1=a; sessionC2=b",
    ] {
        assert!(chunked(cookies), "{cookies}");
    }
    for cookies in ["session=a; session.0=b", "session.x=a", "session.=a", "sessions=a", "other.0=a"] {
        assert!(!chunked(cookies), "{cookies}");
    }
}

#[test]
fn only_a_chunked_cookie_is_logged_as_chunked() {
    for (cookies, lines) in [("session.0=a", 1), ("other.0=a", 0)] {
        let log = Log::listen(tracing::Level::DEBUG);
        let request = request("/", &[("cookie", cookies)]);
        assert_eq!(rules().token(&request), Ok(None));
        assert_eq!(log.lines_with("split into chunks").len(), lines, "{cookies}");
    }
}

#[test]
fn credentials_are_stripped_only_if_configured_and_verified() {
    for (strips_token, is_verified, stays) in
        [(true, true, false), (true, false, true), (false, true, true), (false, false, true)]
    {
        let mut request = request("/", &[("authorization", "Bearer h"), ("cookie", "session=c")]);
        CredentialRules { strips_token, ..rules() }.strip(&mut request, is_verified);
        for name in [AUTHORIZATION, COOKIE] {
            assert_eq!(request.headers().contains_key(name), stays, "{strips_token} {is_verified}");
        }
    }
}

#[test]
fn stripping_removes_the_token_everywhere() {
    for (uri, cookies, stripped, rest) in [
        ("/x?access_token=q", "session=c", "/x", None),
        ("/x?a=b&access_token=q&c=%20d", "a=b; session=c; d=e", "/x?a=b&c=%20d", Some("a=b; d=e")),
        ("/x?access_token=q&access_token", "a=b", "/x", Some("a=b")),
        ("/x?access%5Ftoken=q&a=b", "session = c; a=b", "/x?a=b", Some("a=b")),
        ("https://h/x?access_token=q", "session=c; session=d", "https://h/x", None),
        ("/x?a=b", "a=b", "/x?a=b", Some("a=b")),
    ] {
        let mut request = request(
            uri,
            &[("cookie", cookies), ("authorization", "Bearer h"), ("x-tenant-id", "t"), ("x_tenant_id", "t")],
        );
        let rules =
            CredentialRules { stripped_headers: vec![HeaderName::from_static("x-tenant-id")], ..rules() };
        rules.strip(&mut request, true);
        assert_eq!(request.uri().to_string(), stripped);
        assert!(!request.headers().contains_key("x_tenant_id"));
        assert!(request.headers().get(COOKIE).is_none_or(HeaderValue::is_sensitive));
        let cookies = request.headers().get(COOKIE).map(|value| value.to_str().unwrap());
        assert_eq!(cookies, rest);
        assert!(
            !request.headers().contains_key(AUTHORIZATION) && !request.headers().contains_key("x-tenant-id")
        );
    }
}

#[cfg(feature = "axum")]
#[test]
fn token_is_stripped_from_the_original_uri_of_axum() {
    use axum::extract::OriginalUri;
    for is_verified in [true, false] {
        let mut request = request("/chat?access_token=q", &[]);
        let original = "/api/chat?access_token=q&access%5Ftoken=r&a=b".parse().unwrap();
        request.extensions_mut().insert(OriginalUri(original));
        rules().strip(&mut request, is_verified);
        assert_eq!(request.extensions().get::<OriginalUri>().unwrap().0, "/api/chat?a=b");
    }
}

#[test]
fn only_a_cors_preflight_needs_no_token() {
    let rules = CredentialRules { preflight: true, ..CredentialRules::default() };
    let preflight = [("origin", "https://app.example"), ("access-control-request-method", "PUT")];
    let options = |headers: &[(&str, &str)]| {
        let mut request = request("/", headers);
        *request.method_mut() = Method::OPTIONS;
        request
    };
    assert!(rules.needs_no_token(&options(&preflight)));
    assert!(!CredentialRules::default().needs_no_token(&options(&preflight)));
    assert!(!rules.needs_no_token(&options(&preflight[..1])));
    assert!(!rules.needs_no_token(&request("/", &preflight)), "not an OPTIONS");
    assert!(!rules.needs_no_token(&options(&[preflight[0], preflight[1], ("authorization", "Bearer x")])));
}
