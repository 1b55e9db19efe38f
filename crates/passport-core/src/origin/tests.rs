use super::*;

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

#[test]
fn case_and_default_port_are_ignored() {
    assert_eq!(origin("HTTPS://Api.BizFirst.ai"), origin("https://api.bizfirst.ai:443/"));
    assert!(origin("https://api.bizfirst.ai").matches("https", "API.bizfirst.ai", None));
    assert!(origin("http://[::1]:80").matches("http", "[::1]", None));
}

#[test]
fn canonical_form_is_matched_by_text() {
    let (plain, ported) = (origin("https://API.bizfirst.ai:443"), origin("http://[::1]:8080"));
    assert!(plain.matches_exactly("https", "api.bizfirst.ai"));
    assert!(ported.matches_exactly("http", "[::1]:8080"));
    for (scheme, authority) in [
        ("http", "api.bizfirst.ai"),
        ("https", "api.bizfirst.ai:8443"),
        ("https", "api.bizfirst.ai."),
        ("https", "user@api.bizfirst.ai"),
        ("https", "api.bizfirst.ai.evil.example"),
        ("https", ""),
    ] {
        assert!(!plain.matches_exactly(scheme, authority), "{scheme}://{authority}");
    }
}

#[test]
fn ipv6_addresses_are_compared_by_value() {
    let loopback = origin("http://[::1]:80");
    assert!(loopback.matches("http", "[0:0:0:0:0:0:0:1]", None));
    assert!(origin("https://[2001:DB8::1]").matches("https", "[2001:db8:0::1]", Some(443)));
    assert!(!loopback.matches("http", "[::2]", None));
    assert!(!loopback.matches("http", "::1", None));
    assert!(!loopback.matches("http", "[::1%25eth0]", None));
}

#[test]
fn international_name_is_compared_in_punycode() {
    let origin = origin("https://Bücher.example");
    assert!(origin.matches("https", "xn--bcher-kva.example", None));
    assert!(!origin.matches("https", "bücher.example", None), "clients send punycode");
}

#[test]
fn other_scheme_host_or_port_does_not_match() {
    let api = origin("https://api.bizfirst.ai");
    assert!(!api.matches("http", "api.bizfirst.ai", Some(443)));
    assert!(!api.matches("https", "api.bizfirst.ai.", None));
    assert!(!api.matches("https", "evil-api.bizfirst.ai", None));
    assert!(!api.matches("https", "api.bizfirst.ai", Some(8443)));
}

#[test]
fn only_tls_or_loopback_is_secure() {
    for secure in ["https://x", "http://localhost:1", "http://127.8.9.1", "http://[::1]:1"] {
        assert!(origin(secure).is_secure(), "{secure}");
    }
    for open in ["http://x", "http://localhost.evil.com", "http://10.0.0.1", "http://0.0.0.0"] {
        assert!(!origin(open).is_secure(), "{open}");
    }
}

#[test]
fn user_information_path_or_other_scheme_is_rejected() {
    for text in ["https://a@b", "https://b/p", "https://b?q", "https://b#f", "ftp://b", "file:///x", "b:443"]
    {
        assert!(text.parse::<Origin>().is_err(), "{text}");
    }
}

#[test]
fn error_of_an_invalid_url_names_the_fault() {
    for (text, fault) in [
        ("api.bizfirst.ai", "not an absolute URL"),
        ("https://api.bizfirst.ai:99999", "the port is not a number"),
        ("https://", "the host is missing"),
        ("https://a b", "the host is not valid"),
    ] {
        let error = text.parse::<Origin>().unwrap_err().to_string();
        assert!(error.contains(fault), "{text}: {error}");
    }
}

#[test]
fn display_includes_the_port() {
    for (text, displayed) in [
        ("https://API.bizfirst.ai", "https://api.bizfirst.ai:443"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ] {
        assert_eq!(origin(text).to_string(), displayed);
    }
}

#[test]
fn is_https_is_true_only_for_scheme_https() {
    assert!(origin("https://localhost").is_https());
    assert!(!origin("http://localhost").is_https());
}

#[test]
fn debug_of_the_error_is_its_message() {
    let error = "https://".parse::<Origin>().unwrap_err();
    assert_eq!(format!("{error:?}"), "invalid origin (expected https://host[:port]): the host is missing");
}
