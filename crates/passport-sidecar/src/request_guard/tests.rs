use http::StatusCode;
use proptest::prelude::*;

use super::*;

fn checked(uri: &str, headers: &[(&str, &str)]) -> Option<StatusCode> {
    checked_with(ProxyHeaders::Reject, uri, headers)
}

fn checked_with(setting: ProxyHeaders, uri: &str, headers: &[(&str, &str)]) -> Option<StatusCode> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let uri: Uri = uri.parse().unwrap();
    let listen = Listen {
        hosts: vec!["sidecar.internal".to_owned()],
        unix_proxy_headers: ProxyHeaders::Reject,
        tcp_proxy_headers: setting,
        ..Listen::default()
    };
    let guard = RequestGuard { listen };
    let checked = guard.check(Route::of(uri.path()), Peer::Tcp, &uri, &map);
    checked.err().map(|error| error.status)
}

const SIDECAR: (&str, &str) = ("passport-sidecar", "true");

#[test]
fn local_service_is_accepted() {
    for host in
        ["localhost", "LOCALHOST:7070", "127.0.0.1:7070", "127.9.9.9", "[::1]:7070", "sidecar.internal"]
    {
        assert_eq!(checked("/v1/token", &[("host", host), SIDECAR]), None, "{host}");
    }
    assert_eq!(checked("http://localhost/v1/token", &[SIDECAR]), None, "HTTP/2");
    assert_eq!(checked("/passport/token", &[("host", "localhost")]), None, "stock OAuth2 client");
    let of_node = [("host", "localhost"), SIDECAR, ("sec-fetch-mode", "cors")];
    assert_eq!(checked("/v1/token", &of_node), None, "fetch of Node");
    let forwarded = [("host", "localhost"), SIDECAR, ("x-forwarded-for", "1.2.3.4"), ("origin", "https://a")];
    assert_eq!(checked("/v1/auth/api/orders", &forwarded), None, "headers of the request to authorize");
}

#[test]
fn foreign_host_is_rejected() {
    for host in
        ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "a@localhost", ""]
    {
        let status = checked("/v1/token", &[("host", host), SIDECAR]);
        assert!(status.is_some_and(|status| status.is_client_error()), "{host}");
    }
    assert!(checked("/v1/token", &[SIDECAR]).is_some(), "no host");
    assert!(checked("/v1/token", &[("host", "localhost"), ("host", "evil"), SIDECAR]).is_some(), "two hosts");
    assert!(checked("http://evil/v1/token", &[("host", "localhost"), SIDECAR]).is_some(), "absolute form");
}

#[test]
fn missing_sidecar_header_is_rejected() {
    assert_eq!(checked("/v1/token", &[("host", "localhost")]), Some(StatusCode::BAD_REQUEST));
    let wrong = [("host", "localhost"), ("passport-sidecar", "1")];
    assert_eq!(checked("/to/erp/x", &wrong), Some(StatusCode::BAD_REQUEST));
    assert_eq!(checked("/v1/auth", &[("host", "localhost")]), Some(StatusCode::BAD_REQUEST));
}

#[test]
fn browser_and_proxy_headers_are_rejected() {
    for header in [
        "origin",
        "referer",
        "sec-fetch-site",
        "sec-fetch-dest",
        "sec-ch-ua",
        "forwarded",
        "via",
        "x-real-ip",
        "x-forwarded-for",
        "x-forwarded-host",
    ] {
        for uri in ["/v1/token", "/passport/token", "/to/erp/x", "/v1/validate"] {
            let status = checked(uri, &[("host", "localhost"), SIDECAR, (header, "x")]);
            assert_eq!(status, Some(StatusCode::FORBIDDEN), "{uri} {header}");
        }
    }
}

#[test]
fn proxy_headers_setting_accepts_no_browser_headers() {
    let proxies = ["forwarded", "via", "x-real-ip", "referer", "x-forwarded-for", "x_forwarded.for"];
    let status =
        |setting, uri, header| checked_with(setting, uri, &[("host", "localhost"), SIDECAR, (header, "x")]);
    for setting in [ProxyHeaders::Drop, ProxyHeaders::Forward] {
        for header in proxies {
            assert_eq!(status(setting, "/to/erp/x", header), None, "{header}");
            assert_eq!(status(setting, "/erp.Orders/List", header), None, "{header}");
            for own in ["/v1/token", "/passport/token", "/v1/validate"] {
                assert_eq!(status(setting, own, header), Some(StatusCode::FORBIDDEN), "{own} {header}");
            }
        }
        for header in ["origin", "sec-fetch-site", "sec-ch-ua"] {
            let status = status(setting, "/to/erp/x", header);
            assert_eq!(status, Some(StatusCode::FORBIDDEN), "{header}");
        }
    }
    for header in proxies {
        let status = status(ProxyHeaders::Reject, "/to/erp/x", header);
        assert_eq!(status, Some(StatusCode::FORBIDDEN), "{header}");
    }
}

/// Decides as `is_proxy_header` does, on a copy of the name.
fn is_proxy_header_by_copy(name: &HeaderName) -> bool {
    let name = name.as_str().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    matches!(&*name, "forwarded" | "via" | "x-real-ip" | "referer") || name.starts_with("x-forwarded-")
}

/// Names that are proxy headers, similar to them, or arbitrary.
fn names() -> impl Strategy<Value = String> {
    let known = "(forwarded|via|x.real.ip|referer|x.forwarded.[a-z]{0,3}|x.forwarded)[a-z.-]{0,2}";
    let dashes = prop_oneof![Just("-"), Just("_"), Just("."), Just("a"), Just("7")];
    let like = (proptest::string::string_regex(known).unwrap(), dashes);
    prop_oneof![
        like.prop_map(|(name, dash)| name.replace(|letter: char| !letter.is_ascii_alphanumeric(), dash)),
        "[a-z0-9_.!~-]{1,20}",
    ]
}

proptest! {
    #[test]
    fn proxy_headers_are_those_of_a_copied_name(name in names()) {
        let Ok(name) = name.parse::<HeaderName>() else { return Ok(()) };
        prop_assert_eq!(is_proxy_header(&name), is_proxy_header_by_copy(&name));
    }
}
