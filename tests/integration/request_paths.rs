//! Request paths: tenants in paths, public paths, and paths that a router rewrites.

use axum::{
    Router,
    extract::{self, OriginalUri, Path, Query},
    http::Uri,
    middleware::map_request,
    routing::{any, get},
};
use passport_dev::DevPassport;
use passport_inbound::{AuthenticateLayer, IdInfo, RequireLayer, Requirement};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Request, service::Routes, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::Layer;

use crate::harness::{serve, status_with, verifier};

/// Returns the status of a `GET` for an unchanged target; HTTP clients normalize paths.
async fn raw_status(server: &str, target: &str, token: Option<&str>) -> u16 {
    let address = server.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n{token}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

fn own_tenant(pattern: &str) -> RequireLayer {
    RequireLayer::new(Requirement::tenant_in_path(pattern, "tenant").unwrap())
}

#[tokio::test]
async fn ambiguous_path_belongs_to_no_tenant() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.user_token("u").claim("tenant_id", "mine").build();
    let records = get(|Path(path): Path<(String, String)>| async move { path.1 });
    let router = Router::new()
        .route("/tenants/{tenant}/{*rest}", records.layer(own_tenant("/tenants/{tenant}/{*rest}")))
        .layer(AuthenticateLayer::new(verifier(&passport)));
    let api = serve(router).await;
    assert_eq!(raw_status(&api, "/tenants/mine/records/7", Some(&token)).await, 200);
    for path in [
        "/tenants/other/records",
        "/tenants/mine/../other/records",
        "/tenants/mine/%2e%2e/other/records",
        "/tenants/mine/..%2fother/records",
        "/tenants/mine/..%5cother/records",
        "/tenants/mine/%252e%252e/other/records",
        "/tenants/mine//records",
        "/tenants/mine/%c0%ae%c0%ae/other",
    ] {
        assert_eq!(raw_status(&api, path, Some(&token)).await, 403, "{path}");
    }
}

#[tokio::test]
async fn tenant_is_found_below_a_nest() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.user_token("u").claim("tenant_id", "mine").build();
    let pattern = "/api/tenants/{tenant}/records/{id}";
    let records = Router::new()
        .route("/records/{id}", get(|| async {}).layer(own_tenant(pattern)))
        .route("/{id}", get(|| async {}).layer(own_tenant("/api/tenants/{tenant}/{id}")));
    let tenants = Router::new().nest("/tenants/{tenant}", records);
    let router = Router::new().nest("/api", tenants).layer(AuthenticateLayer::new(verifier(&passport)));
    let api = serve(router).await;
    for (path, status) in [
        ("/api/tenants/mine/records/7", 200),
        ("/api/tenants/other/records/7", 403),
        ("/api/tenants/mine/mine", 200),
        // Without the prefix it would name a tenant as well.
        ("/api/tenants/other/mine", 403),
        ("/api/tenants/mine/records/%2e%2e", 403),
    ] {
        assert_eq!(raw_status(&api, path, Some(&token)).await, status, "{path}");
    }
}

#[tokio::test]
async fn only_public_paths_need_no_token() {
    let passport = DevPassport::start().await.unwrap();
    let layer = AuthenticateLayer::new(verifier(&passport))
        .require(Requirement::role("admin"))
        .public_paths(["/health", "/api/metrics", "/assets/{*file}"])
        .unwrap();
    let seen = any(|caller: Option<IdInfo>| async move { caller.is_some().to_string() });
    let router = Router::new()
        .route("/health", seen.clone())
        .route("/assets/{*file}", seen.clone())
        .route("/guarded", seen.clone())
        .nest("/api", Router::new().route("/metrics", seen.clone()).route("/health", seen))
        .fallback(|| async { "fallback" })
        .layer(layer);
    let api = serve(router).await;
    let user = passport.user_token("u").build();
    let admin = passport.user_token("u").role("admin").build();
    for path in ["/health", "/health?x=/guarded", "/api/metrics", "/assets/a/b.js"] {
        for token in [None, Some("junk"), Some(user.as_str())] {
            assert_eq!(raw_status(&api, path, token).await, 200, "{path}");
        }
    }
    for path in [
        "/guarded",
        "/api/health",
        "/metrics",
        "/health/",
        "/Health",
        "//health",
        "/health/../guarded",
        "/heal%74h",
        "/assets/../guarded",
        "/assets/%2e%2e/guarded",
        "/assets/..%2fguarded",
        "/nowhere",
    ] {
        assert_eq!(raw_status(&api, path, None).await, 401, "{path}");
        assert_eq!(raw_status(&api, path, Some(&user)).await, 403, "{path}");
    }
    assert_eq!(status_with(&format!("{api}/guarded"), Some(&admin)).await, 200);
}

/// Removes a prefix from the path, as a `nest` does.
async fn rewrite(mut request: extract::Request) -> extract::Request {
    let path = request.uri().path();
    let rewritten = path.strip_prefix("/public").or_else(|| path.strip_prefix("/v1"));
    if let Some(Ok(uri)) = rewritten.map(str::parse) {
        *request.uri_mut() = uri;
    }
    request
}

#[tokio::test]
async fn rewritten_path_is_not_made_public_by_its_prefix() {
    let passport = DevPassport::start().await.unwrap();
    let public = ["/public/{*file}", "/api/v1/{*file}", "/health", "/api/health"];
    let layer = AuthenticateLayer::new(verifier(&passport)).public_paths(public).unwrap();
    let inside = Router::new().route("/admin", get(|| async {})).route("/health", get(|| async {}));
    let rewritten = map_request(rewrite).layer(layer.layer(inside));
    let router = Router::new().nest_service("/api", rewritten.clone()).fallback_service(rewritten);
    let api = serve(router).await;
    for (path, status) in [
        ("/health", 200),
        ("/admin", 401),
        ("/public/health", 200),
        ("/public/admin", 401),
        ("/api/health", 200),
        ("/api/admin", 401),
        ("/api/v1/admin", 401),
        // Below a nest the original path of a rewritten request is unknown.
        ("/api/v1/health", 401),
    ] {
        assert_eq!(raw_status(&api, path, None).await, status, "{path}");
    }
}

/// A middleware between two routers replaces a segment that the nest captured.
#[tokio::test]
async fn path_with_a_replaced_segment_is_not_public() {
    let passport = DevPassport::start().await.unwrap();
    let exchange = async |mut request: extract::Request| {
        let exchanged = request.uri().path().replace("/public/", "/private/");
        *request.uri_mut() = exchanged.parse().unwrap();
        request
    };
    for nest in ["/{area}", "/{area}/{kind}"] {
        let paths = ["/public/{*file}", "/open/{*file}"];
        let layer = AuthenticateLayer::new(verifier(&passport)).public_paths(paths).unwrap();
        let nested = Router::new().nest(nest, Router::new().route("/{*file}", get(|| async {})).layer(layer));
        let api = serve(Router::new().fallback_service(map_request(exchange).layer(nested))).await;
        assert_eq!(raw_status(&api, "/public/a/b", None).await, 401, "{nest}");
        assert_eq!(raw_status(&api, "/open/a%20b/c", None).await, 200, "{nest}");
    }
}

#[tokio::test]
async fn public_grpc_service_needs_no_token() {
    let passport = DevPassport::start().await.unwrap();
    let check = async |services: &[&str]| {
        let layer = AuthenticateLayer::new(verifier(&passport)).public_grpc_services(services).unwrap();
        let (_, health) = tonic_health::server::health_reporter();
        let server = serve(Routes::new(health).into_axum_router().layer(layer)).await;
        let mut client = HealthClient::new(Endpoint::from_shared(server).unwrap().connect_lazy());
        let checked = client.check(Request::new(HealthCheckRequest::default())).await;
        checked.map_or_else(|status| status.code(), |_| Code::Ok)
    };
    assert_eq!(check(&["grpc.health.v1.Health"]).await, Code::Ok);
    assert_eq!(check(&["grpc.reflection.v1.ServerReflection"]).await, Code::Unauthenticated);
}

/// A handler never sees a token in the query, whatever the order of the layers.
#[tokio::test]
async fn handler_does_not_see_the_query_token() {
    type Parameters = std::collections::BTreeMap<String, String>;
    let passport = DevPassport::start().await.unwrap();
    let token = passport.user_token("ada").build();
    let seen =
        get(|uri: Uri, OriginalUri(original): OriginalUri, Query(query): Query<Parameters>| async move {
            format!("{uri} {original} {query:?}")
        });
    let routes = Router::new().route("/chat", seen);
    let layer = || AuthenticateLayer::new(verifier(&passport)).token_from_query();
    let around = layer().layer(Router::new().nest("/api", routes.clone()));
    for router in [
        Router::new().nest("/api", routes.clone()).layer(layer()),
        Router::new().nest("/api", routes.clone().layer(layer())),
        Router::new().nest("/api", routes.clone().route_layer(layer())),
        Router::new().fallback_service(around),
    ] {
        let url = format!("{}/api/chat?a=b&access_token={token}", serve(router).await);
        let request = crate::harness::http().get(url).header("accept", "text/event-stream");
        let seen = request.send().await.unwrap().text().await.unwrap();
        assert!(seen.contains("/api/chat?a=b ") && seen.contains("/chat?a=b "), "{seen}");
        assert!(!seen.contains("eyJ") && !seen.contains("access_token"), "{seen}");
    }
}
