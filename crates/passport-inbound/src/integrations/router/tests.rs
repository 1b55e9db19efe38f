use axum::routing::get;
use http::{Request, header::WWW_AUTHENTICATE};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::TokenVerifier;

fn verifier() -> TokenVerifier {
    TokenVerifier::builder("api").build().unwrap()
}

async fn status(router: &Router, target: &str) -> u16 {
    let request = Request::get(target).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn merged_metadata_needs_no_token() {
    let verifier = verifier();
    let resource = ProtectedResource::builder(&verifier, "https://api.example/orders").build().unwrap();
    let authenticates = AuthenticateLayer::new(verifier).resource_metadata(&resource);
    let api: Router = Router::new()
        .route("/orders", get(async || "orders"))
        .layer(authenticates)
        .merge(resource.clone().into_router());
    let rejected = Request::get("/orders").body(Body::empty()).unwrap();
    let rejected = api.clone().oneshot(rejected).await.unwrap();
    assert_eq!(rejected.status(), 401);
    let challenge = rejected.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
    let url = challenge.split("resource_metadata=\"").nth(1).unwrap().trim_end_matches('"');
    let request = Request::get(url).body(Body::empty()).unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let content = response.into_body().collect().await.unwrap().to_bytes();
    assert!(content.starts_with(br#"{"resource":"https://api.example/orders""#), "{content:?}");
    assert_eq!(status(&api, "/.well-known/oauth-protected-resource").await, 404);
}

#[tokio::test]
async fn each_valid_identifier_has_a_route() {
    for identifier in [
        "https://api.example",
        "https://api.example/",
        "https://api.example//",
        "https://api.example/a//b/",
        "https://api.example/%7Bid%7D/a%2Fb",
        "https://api.example/a:b/c*d/~;x=1",
        "https://api.example/a?b=c",
    ] {
        let resource = ProtectedResource::builder(&verifier(), identifier).build().unwrap();
        let url = resource.metadata_url().to_owned();
        let router = Router::new().merge(resource.into_router());
        assert_eq!(status(&router, &url).await, 200, "{identifier}");
    }
}
