use super::*;

fn at(base: &str, path: &str, query: Option<&str>) -> Option<String> {
    let base = BaseUrl::new(&base.parse().unwrap()).unwrap();
    base.uri(path, query).map(|uri| uri.to_string())
}

#[test]
fn path_is_appended_unchanged() {
    for (base, path, query, expected) in [
        ("http://erp:81", "/", None, "http://erp:81/"),
        ("https://erp/", "/orders", None, "https://erp/orders"),
        ("https://erp/api/", "/orders", Some("a=/../b"), "https://erp/api/orders?a=/../b"),
        ("https://erp/api", "/a%20b//c/.../..d", Some(""), "https://erp/api/a%20b//c/.../..d?"),
        (
            "https://erp/api",
            "/%E2%82%AC/100%/.well-known/a.b",
            None,
            "https://erp/api/%E2%82%AC/100%/.well-known/a.b",
        ),
        ("http://[::1]:81", "/a", None, "http://[::1]:81/a"),
        ("https://erp", "//evil.example/a", None, "https://erp//evil.example/a"),
    ] {
        assert_eq!(at(base, path, query).as_deref(), Some(expected), "{base} {path}");
    }
}

#[test]
fn path_that_is_encoded_too_often_is_rejected() {
    assert!(at("https://erp", &format!("/%{}41", "25".repeat(3)), None).is_some());
    assert_eq!(at("https://erp", &format!("/%{}41", "25".repeat(8000)), None), None);
}

#[test]
fn path_traversal_is_rejected() {
    for path in [
        "/..",
        "/../admin",
        "/a/../../admin",
        "/%2e%2E/admin",
        "/a%2f..%2Fadmin",
        "/a\\..\\admin",
        "/a%5C..%5cadmin",
        "/a/..;x=1/admin",
        "/%252e%252e/admin",
        "/a%25252F..%25255cadmin",
        "/./a",
        "/..%00/admin",
        "/..%20/admin",
        "/%20../admin",
        "/..%09/admin",
        "/a%00",
        "/a%0d%0ab",
        "/%c0%ae%c0%ae/admin",
        "/%e0%80%ae%e0%80%ae/admin",
        "/..%c0%afadmin",
        "/%25c0%25ae%25c0%25ae/admin",
        "/%ef%bc%8e%ef%bc%8e/admin",
        "/..%ef%bc%8fadmin",
        "/%e2%80%a4%e2%80%a4/admin",
        "/%u002e%u002E/admin",
        "/..;/admin",
        "/.%2e/admin",
        "",
        "admin",
        "@evil.example/",
    ] {
        assert_eq!(at("https://erp/api", path, None), None, "{path}");
    }
}
