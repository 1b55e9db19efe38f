//! Verification of tokens for other services: `/v1/validate` and `/v1/auth`.

use passport_dev::TestJwtBuilder;

use crate::harness::{Setup, json, marked};

#[tokio::test]
async fn validate_returns_the_claims_of_a_token() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let validate = |token: String| {
        let request = sidecar.unix().post("http://localhost/v1/validate").body(format!("token={token}"));
        request.header("content-type", "application/x-www-form-urlencoded").send()
    };
    let good = setup.registered.token().build();
    let claims = json(validate(good.clone()).await.unwrap()).await;
    assert_eq!((&claims["active"], &claims["is_service_account"]), (&true.into(), &true.into()));
    for token in [
        "x".to_owned(),
        format!("{good}x"),
        setup.registered.token().expired_for(std::time::Duration::from_secs(600)).build(),
    ] {
        assert_eq!(json(validate(token).await.unwrap()).await, serde_json::json!({ "active": false }));
    }
}

#[tokio::test]
async fn max_token_size_allows_larger_tokens() {
    let setup = Setup::new().await;
    let roles: Vec<_> = (0..1500).map(|number| format!("role-{number:016}")).collect();
    let token = roles.iter().fold(setup.registered.token(), TestJwtBuilder::role).build();
    assert!(token.len() > 32 * 1024, "{}", token.len());
    let lines = "max_token_size = 65536\njwks_request_timeout = 10\njwks_cooldown = 1\n\n[upstreams.api]";
    let config = setup.config("[limits]\nmax_buffered_mib = 2048").replace("[upstreams.api]", lines);
    let sidecar = setup.start(&config).serves().await;
    let form = format!("token={token}");
    let post = sidecar.unix().post("http://localhost/v1/validate").body(form);
    let response = post.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(json(response).await["active"], true);
}

#[tokio::test]
async fn auth_route_returns_the_caller_in_headers() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let get = |path: &str| sidecar.unix().get(format!("http://localhost{path}"));
    // Envoy appends the path of the request. A header that names an upstream has no effect.
    for path in ["/v1/auth", "/v1/auth/", "/v1/auth/orders/7"] {
        let response = get(path).header("passport-sidecar-upstream", "api").send().await.unwrap();
        assert_eq!(response.status(), 401, "{path}");
        let response = get(path).bearer_auth(setup.registered.token().build()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-passport-service-account"], "true");
        assert_eq!(response.headers()["x-passport-roles"], "erp.read");
        assert_eq!(response.headers()["x-passport-email"], "", "overwrites a header of the client");
        assert_eq!(get(path).send().await.unwrap().status(), 401, "no token");
        assert_eq!(get(path).bearer_auth("x").send().await.unwrap().status(), 401);
    }
}

/// A gRPC rejection would have the HTTP status 200, which a proxy would read as success.
#[tokio::test]
async fn auth_route_rejects_grpc_with_an_http_status() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let http2 = marked().http2_prior_knowledge().unix_socket(sidecar.socket.as_path()).build().unwrap();
    for client in [sidecar.unix(), http2] {
        for content_type in ["application/grpc", "application/grpc-web", "application/grpc-web-text"] {
            let request = client.post("http://localhost/v1/auth/x.Y/Z").header("content-type", content_type);
            let response = request.bearer_auth("x").body("\0\0\0\0\0").send().await.unwrap();
            assert_eq!(response.status(), 401, "{content_type}");
            assert!(!response.headers().contains_key("grpc-status"), "{content_type}");
        }
    }
}
