//! axum: `.layer`, `.route_layer`, `ServiceBuilder`, extractors, and layers in the wrong order.

use std::time::Duration;

use axum::{Json, Router, routing::get};
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_inbound::{AuthenticateLayer, IdInfo, Rejection, RequireServiceAccountLayer};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::{cors::CorsLayer, timeout::TimeoutLayer};

use crate::harness::{http, serve, status_with, verifier};

#[tokio::test]
async fn authentication_and_requirement_compose_in_a_service_builder() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let stack = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(verifier(&passport)))
        .layer(RequireServiceAccountLayer::new());
    let url = serve(Router::new().route("/", get(|| async { "ok" })).layer(stack)).await;
    assert_eq!(status_with(&url, Some(&registered.token().build())).await, 200);
    assert_eq!(status_with(&url, Some(&passport.user_token("u").build())).await, 403);
    assert_eq!(status_with(&url, None).await, 401);
}

#[tokio::test]
async fn cors_and_timeout_layers_work_outside_authentication() {
    let passport = DevPassport::start().await.unwrap();
    let inner = tower::service_fn(|_: http::Request<axum::body::Body>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(axum::body::Body::empty()))
    });
    let stack = ServiceBuilder::new()
        .layer(CorsLayer::permissive())
        .layer(TimeoutLayer::with_status_code(http::StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(5)))
        .layer(AuthenticateLayer::new(verifier(&passport)))
        .layer(RequireServiceAccountLayer::new())
        .service(inner);
    let preflight = http::Request::options("/")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET")
        .body(axum::body::Body::empty())
        .unwrap();
    assert_eq!(stack.clone().oneshot(preflight).await.unwrap().status(), 200);
    let request = http::Request::get("/").body(axum::body::Body::empty()).unwrap();
    assert_eq!(stack.oneshot(request).await.unwrap().status(), 401);
}

#[tokio::test]
async fn route_layer_protects_its_routes_but_not_the_fallback() {
    let passport = DevPassport::start().await.unwrap();
    let router = Router::new()
        .route("/mine", get(|caller: IdInfo| async move { caller.user_id().to_owned() }))
        .route_layer(AuthenticateLayer::new(verifier(&passport)))
        .route("/open", get(|caller: Option<IdInfo>| async move { caller.is_none().to_string() }));
    let url = serve(router).await;
    assert_eq!(status_with(&format!("{url}/mine"), Some(&passport.user_token("u").build())).await, 200);
    assert_eq!(status_with(&format!("{url}/mine"), None).await, 401);
    assert_eq!(status_with(&format!("{url}/open"), None).await, 200);
    assert_eq!(status_with(&format!("{url}/nowhere"), None).await, 404);
}

#[tokio::test]
async fn authorization_without_authentication_rejects_everyone() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.managed_identity("payroll").create().token().build();
    let router = Router::new()
        .route("/guarded", get(|| async { "open to the world" }))
        .route_layer(RequireServiceAccountLayer::new())
        .route("/extracted", get(|_: IdInfo| async { "open to the world" }));
    let url = serve(router).await;
    for path in ["/guarded", "/extracted"] {
        let response = http().get(format!("{url}{path}")).bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.status(), 500, "{path}");
        assert_eq!(response.text().await.unwrap(), r#"{"error":"server_error"}"#, "{path}");
    }
}

#[tokio::test]
async fn layers_in_the_wrong_order_reject_everyone() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.managed_identity("payroll").create().token().build();
    let router = Router::new()
        .route("/", get(|| async { "reached" }))
        .layer(AuthenticateLayer::new(verifier(&passport)))
        .layer(RequireServiceAccountLayer::new());
    assert_eq!(status_with(&serve(router).await, Some(&token)).await, 500);
}

#[tokio::test]
async fn custom_claims_are_deserialized_on_demand() {
    let passport = DevPassport::start().await.unwrap();
    let read = |caller: IdInfo| async move { Json(caller.claims::<Value>().unwrap()["department"].clone()) };
    let router = Router::new().route("/", get(read)).layer(AuthenticateLayer::new(verifier(&passport)));
    let url = serve(router).await;
    let token = passport.user_token("u").claim("department", json!({ "id": 7 })).build();
    let response = http().get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap(), json!({ "id": 7 }));
}

#[tokio::test]
async fn unavailable_keys_are_503_with_retry_after() {
    let passport = DevPassport::start().await.unwrap();
    passport.inject(Endpoint::Discovery, Fault::Down);
    let router =
        Router::new().route("/", get(|| async {})).layer(AuthenticateLayer::new(verifier(&passport)));
    let token = passport.user_token("u").build();
    let response = http().get(serve(router).await).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert!(response.headers().get("www-authenticate").is_none());
}

#[tokio::test]
async fn outer_layers_see_the_full_rejection_reason() {
    let passport = DevPassport::start().await.unwrap();
    let router =
        Router::new().route("/", get(|| async {})).layer(AuthenticateLayer::new(verifier(&passport)));
    let request = http::Request::get("/").body(axum::body::Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Rejection::MissingCredentials));
}

#[tokio::test]
async fn caller_is_recorded_on_the_span_of_the_request() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.user_token("ada").claim("tenant_id", "t-1").build();
    let spans = |_: &http::Request<axum::body::Body>| {
        use tracing::field::Empty;
        tracing::info_span!("request", "enduser.id" = Empty, "passport.tenant_id" = Empty)
    };
    let handler = get(|| async { tracing::info!("handled") });
    let lines = async |layer: AuthenticateLayer| {
        let router = Router::new()
            .route("/", handler.clone())
            .layer(layer)
            .layer(tower_http::trace::TraceLayer::new_for_http().make_span_with(spans));
        let output = crate::harness::traced(async {
            let request = http::Request::get("/").header("authorization", format!("Bearer {token}"));
            // Once while the keys are fetched, and once when they are cached.
            for request in
                [request, http::Request::get("/").header("authorization", format!("Bearer {token}"))]
            {
                let request = request.body(axum::body::Body::empty()).unwrap();
                assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 200);
            }
            String::new()
        })
        .await;
        output.lines().filter(|line| line.contains("handled")).map(str::to_owned).collect::<Vec<_>>()
    };
    let layer = AuthenticateLayer::new(verifier(&passport));
    let recorded = lines(layer.clone().record_caller()).await;
    assert_eq!(recorded.len(), 2, "{recorded:#?}");
    for line in &recorded {
        assert!(line.contains("enduser.id=\"ada\" passport.tenant_id=\"t-1\""), "{line}");
    }
    let not_asked_for = lines(layer).await;
    assert!(not_asked_for.iter().all(|line| !line.contains("ada")), "{not_asked_for:#?}");
}
