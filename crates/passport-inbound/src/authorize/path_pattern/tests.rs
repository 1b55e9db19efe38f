use super::*;

fn tenant(pattern: &str, path: &str) -> Option<String> {
    PathPattern::parse(pattern, "tenant").unwrap().tenant(path).map(Cow::into_owned)
}

#[test]
fn tenant_is_the_segment_at_the_parameter() {
    for (pattern, path, expected) in [
        ("/tenants/{tenant}", "/tenants/t%201", Some("t 1")),
        ("/tenants/{tenant}", "/tenants/t%201/", None),
        ("/tenants/{tenant}", "/tenants/t%201/records", None),
        ("/tenants/{tenant}", "/tenant/t%201", None),
        ("/tenants/{tenant}", "/tenants", None),
        ("/tenants/{tenant}", "/tenants/", None),
        ("/tenants/{tenant}", "/tenants//t%201", None),
        ("/{tenant}/records/{id}", "/t%201/records/7", Some("t 1")),
        ("/{tenant}/records/{id}", "/t%201/records/", None),
        ("/{id}/{tenant}/{*rest}", "/7/t%201/a/b", Some("t 1")),
        ("/{id}/{tenant}/{*rest}", "/t%201/7/a/b", Some("7")),
        ("/tenants/{tenant}", "*", None),
        ("/tenants/{tenant}", "/tenants/%FF", None),
    ] {
        assert_eq!(tenant(pattern, path).as_deref(), expected, "{pattern} {path}");
    }
}

#[test]
fn ambiguous_path_has_no_tenant() {
    for path in [
        "/tenants/mine/../other/records",
        "/tenants/mine/%2e%2e/other/records",
        "/tenants/mine/..%2fother/records",
        "/tenants/mine%2f..%2fother/records",
        "/tenants/mine/..%5cother/records",
        "/tenants/mine/..\\other/records",
        "/tenants/mine/%252e%252e/other/records",
        "/tenants/mine//records",
        "/tenants/mine/./records",
        "/tenants/mine/..;/other/records",
        "/tenants/mine/records/%c0%ae%c0%ae/other",
    ] {
        assert_eq!(tenant("/tenants/{tenant}/{*rest}", path), None, "{path}");
    }
}

#[test]
fn invalid_pattern_is_an_error() {
    for pattern in [
        "tenants/{tenant}",
        "/tenants",
        "/{tenant}/{tenant}",
        "/{tenant",
        "/x{tenant}",
        "/{*tenant}",
        "/{tenant}/",
        "/{tenant}//x",
        "/{tenant}/../x",
        "/{tenant}/{*r}/x",
    ] {
        assert!(PathPattern::parse(pattern, "tenant").is_err(), "{pattern}");
    }
}
