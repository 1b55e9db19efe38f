use super::*;

#[test]
fn unambiguous_path_is_plain() {
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
fn nested_path_has_the_prefix_of_its_nest() {
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
fn path_outside_a_nest_is_unchanged() {
    let mut extensions = Extensions::new();
    assert_eq!(routed_path(&Uri::from_static("/a?b"), &extensions), "/a");
    extensions.insert(OriginalUri(Uri::from_static("/public/a")));
    assert_eq!(routed_path(&Uri::from_static("/a"), &extensions), "/a");
}

#[cfg(feature = "axum")]
mod routed {
    use axum::{Router, body::Body, extract::Request, middleware, routing::get};
    use tower::ServiceExt;

    use super::*;

    /// Responds with the routed path.
    async fn respond(request: Request) -> String {
        routed_path(request.uri(), request.extensions()).to_owned()
    }

    /// Removes the first segment of the path, as a middleware that rewrites paths may do.
    async fn rewrite(mut request: Request, next: middleware::Next) -> axum::response::Response {
        *request.uri_mut() = "/orders".parse().unwrap();
        next.run(request).await
    }

    async fn routed(router: Router, path: &str) -> String {
        let response = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn path_without_a_nest_is_the_path_of_the_uri() {
        let router = Router::new().route("/orders", get(respond));
        assert_eq!(routed(router, "/orders?page=2").await, "/orders");
    }

    #[tokio::test]
    async fn path_below_a_nest_has_its_prefix() {
        let orders = Router::new().route("/orders", get(respond));
        let router = Router::new().nest("/api", orders.clone()).nest("/tenants/{tenant}", orders);
        assert_eq!(routed(router.clone(), "/api/orders").await, "/api/orders");
        assert_eq!(routed(router.clone(), "/tenants/acme/orders").await, "/tenants/acme/orders");
        assert_eq!(routed(router, "/tenants/a%20b/orders").await, "/tenants/a%20b/orders");
    }

    #[tokio::test]
    async fn path_rewritten_below_a_nest_is_empty() {
        let orders = Router::new().fallback(respond).layer(middleware::from_fn(rewrite));
        let router = Router::new().nest("/tenants/{tenant}", orders);
        assert_eq!(routed(router, "/tenants/acme/invoices").await, "");
    }
}
