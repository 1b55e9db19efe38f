use super::*;

fn url(identifier: &str) -> String {
    ResourceIdentifier::parse(identifier, false).unwrap().metadata_url().to_owned()
}

fn problem(identifier: &str) -> String {
    ResourceIdentifier::parse(identifier, false).unwrap_err()
}

#[test]
fn well_known_path_is_inserted_after_the_host() {
    const KNOWN: &str = "/.well-known/oauth-protected-resource";
    for (identifier, host, suffix) in [
        // The examples of RFC 9728, section 3.1.
        ("https://resource.example.com", "https://resource.example.com", ""),
        ("https://resource.example.com/", "https://resource.example.com", ""),
        ("https://resource.example.com/resource1", "https://resource.example.com", "/resource1"),
        ("https://host/tenant/api", "https://host", "/tenant/api"),
        // Only the slash directly after the host is removed.
        ("https://host/tenant/", "https://host", "/tenant/"),
        ("https://host//tenant", "https://host", "//tenant"),
        ("https://host?tenant=1", "https://host", "?tenant=1"),
        ("https://host/?tenant=1", "https://host", "?tenant=1"),
        ("https://host/api?tenant=1&x=/", "https://host", "/api?tenant=1&x=/"),
        ("https://host/a%2Fb/c%20d", "https://host", "/a%2Fb/c%20d"),
        ("https://host:8443/api", "https://host:8443", "/api"),
        ("https://[2001:db8::1]/api", "https://[2001:db8::1]", "/api"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", ""),
        ("http://127.0.0.1:3000/mcp", "http://127.0.0.1:3000", "/mcp"),
        ("http://localhost/mcp", "http://localhost", "/mcp"),
    ] {
        assert_eq!(url(identifier), format!("{host}{KNOWN}{suffix}"), "{identifier}");
    }
}

#[test]
fn identifier_is_kept_byte_for_byte() {
    for text in ["https://api.example", "https://api.example/", "https://api.example?a=b"] {
        assert_eq!(ResourceIdentifier::parse(text, false).unwrap().as_str(), text);
    }
}

#[test]
fn error_names_the_normal_form_of_a_url() {
    for (text, normal) in [
        ("https://API.example/orders", "https://api.example/orders"),
        ("HTTPS://api.example", "https://api.example/"),
        ("https://api.example:443/orders", "https://api.example/orders"),
        ("https://api.example/a/../orders", "https://api.example/orders"),
        ("https://api.example/a b", "https://api.example/a%20b"),
        ("https://api.example/{id}", "https://api.example/%7Bid%7D"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://[2001:DB8:0::1]/api", "https://[2001:db8::1]/api"),
        (" https://api.example/orders", "https://api.example/orders"),
    ] {
        assert!(problem(text).ends_with(&format!("; write {normal}")), "{}", problem(text));
        assert!(ResourceIdentifier::parse(normal, false).is_ok(), "{normal}");
    }
}

#[test]
fn invalid_identifier_is_reported() {
    for (text, expected) in [
        ("", "not an https URL"),
        ("orders", "not an https URL"),
        ("/orders", "not an https URL"),
        ("urn:orders", "not an https URL"),
        ("ftp://api.example", "not an https URL"),
        ("https://", "not an https URL"),
        ("https://api.example/orders#part", "fragment"),
        ("https://api.example/orders#", "fragment"),
        ("https://user:secret@api.example", "user information"),
        ("https://api.example/?a=\\", "backslash"),
        ("https://api.example/:id", "begins with `:`"),
        ("https://api.example/*", "begins with `:` or `*`"),
    ] {
        let problem = problem(text);
        assert!(problem.contains(expected) && !problem.contains("secret"), "{text}: {problem}");
    }
}

#[test]
fn plain_http_needs_loopback_or_danger_plain_http() {
    for text in ["http://api.example/orders", "http://10.0.0.1", "http://localhost.example"] {
        assert!(problem(text).contains("danger_plain_http"), "{text}");
        assert!(ResourceIdentifier::parse(text, true).is_ok(), "{text}");
    }
    assert!(ResourceIdentifier::parse("http://[::1]:8080/mcp", false).is_ok());
    assert!(ResourceIdentifier::parse("https://api.example#part", true).is_err());
}

#[test]
fn request_matches_by_path_and_own_query() {
    let plain = ResourceIdentifier::parse("https://host/api", false).unwrap();
    let path = "/.well-known/oauth-protected-resource/api";
    assert!(plain.matches(path, None) && plain.matches(path, Some("v=1")));
    assert!(!plain.matches("/api", None) && !plain.matches(&format!("{path}/"), None));
    let with_query = ResourceIdentifier::parse("https://host/api?tenant=1", false).unwrap();
    assert_eq!(with_query.metadata_path(), path);
    assert!(with_query.matches(path, Some("tenant=1")));
    assert!(!with_query.matches(path, Some("tenant=2")) && !with_query.matches(path, None));
}
