use super::*;

#[test]
fn plain_path_is_read_alike_by_all() {
    for path in ["/", "/a", "/a/b.c/..d/...", "/caf%C3%A9/a%20b", "/100%25", "/a;v=1", "/@:!$&'()*+,=~"] {
        assert!(is_plain(path), "{path}");
    }
}

#[test]
fn ambiguous_path_is_not_plain() {
    for path in [
        "",
        "*",
        "a/b",
        "//",
        "/a/",
        "/a//b",
        "/./a",
        "/a/..",
        "/a/../b",
        "/a/%2e%2e/b",
        "/a/.%2E/b",
        "/a/%2e",
        "/a/..%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a/..;/b",
        "/a/..;x=y/b",
        "/a/%2e%2e%3b/b",
        "/a/%252e%252e/b",
        "/a%252fb",
        "/a%25%32%66b",
        "/%ff",
        "/%c0%ae%c0%ae/b",
        "/a/..%20/b",
        "/a/..%00/b",
        "/a%0ab",
        "/a/%ef%bc%8e%ef%bc%8e/b",
        "/a/..%3fb",
        "/a/..%23b",
        "/a%ef%bc%8fb",
        "/a%",
        "/a%2",
        "/a%zz",
    ] {
        assert!(!is_plain(path), "{path}");
    }
}

#[cfg(feature = "axum")]
#[test]
fn prefix_of_a_nest_is_part_of_the_path() {
    for (prefix, path, original) in [
        ("/api", "/records", "/api/records"),
        ("/api", "/", "/api"),
        ("/api", "/", "/api/"),
        ("/api/", "/records", "/api/records"),
        ("/tenants/{tenant}", "/records", "/tenants/t/records"),
        ("/tenants/{tenant}", "/", "/tenants/t"),
        ("/a/a", "/a/a", "/a/a/a/a"),
    ] {
        assert!(is_nested(prefix, path, original, |_, _| true), "{prefix} {path} {original}");
    }
    for (prefix, path, original) in [
        ("/api", "/rewritten", "/api/records"),
        ("/api", "/admin", "/api/v1/admin"),
        ("/api", "/", "/api/records"),
        ("/api", "/api/records", "/api/records"),
        ("/api/{version}", "/admin", "/api/admin"),
        ("/api", "/admin", "/other/admin"),
        ("/api", "/admin", ""),
    ] {
        assert!(!is_nested(prefix, path, original, |_, _| true), "{prefix} {path} {original}");
    }
    let is_t = |name: &str, segment: &str| (name, segment) == ("tenant", "t");
    for (original, expected) in [("/tenants/t/records", true), ("/tenants/u/records", false)] {
        assert_eq!(is_nested("/tenants/{tenant}", "/records", original, is_t), expected, "{original}");
    }
}

#[cfg(feature = "axum")]
#[test]
fn path_outside_of_a_nest_counts_as_it_is() {
    let mut extensions = Extensions::new();
    assert_eq!(routed_path(&Uri::from_static("/a?b"), &extensions), "/a");
    extensions.insert(OriginalUri(Uri::from_static("/public/a")));
    assert_eq!(routed_path(&Uri::from_static("/a"), &extensions), "/a");
}
