use std::convert::Infallible;

use http::{
    Request,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use http_body_util::Full;
use passport_dev::TestIdentity;
use tower::{ServiceExt, service_fn};

use super::*;
use crate::RequireLayer;

const PARAMETER: &str =
    ", resource_metadata=\"https://api.example/.well-known/oauth-protected-resource/orders\"";

fn verifier() -> TokenVerifier {
    TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build().unwrap()
}

fn layer() -> AuthenticateLayer {
    let verifier = verifier();
    let resource = ProtectedResource::builder(&verifier, "https://api.example/orders").build().unwrap();
    AuthenticateLayer::new(verifier).resource_metadata(&resource)
}

fn scopes(scopes: &str) -> Requirement {
    Requirement::scopes(scopes).unwrap()
}

/// Sends a request through the layer and a `RequireLayer`. Returns the status and the challenge.
async fn send(layer: &AuthenticateLayer, inner: Requirement, request: Request<()>) -> (u16, String) {
    let handler = async |_: Request<()>| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()));
    let service = layer.layer(RequireLayer::new(inner).layer(service_fn(handler)));
    let response = service.oneshot(request).await.unwrap();
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.map(|challenge| challenge.to_str().unwrap().to_owned());
    (response.status().as_u16(), challenge.unwrap_or_default())
}

fn with_token(token: &str) -> Request<()> {
    Request::get("/").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap()
}

fn of_user() -> Request<()> {
    TestIdentity::user("alice").attach_token(Request::new(()))
}

#[tokio::test]
async fn challenges_have_the_url_of_the_metadata() {
    let bare = format!("Bearer realm=\"passport\"{PARAMETER}");
    assert_eq!(send(&layer(), Requirement::user(), Request::new(())).await, (401, bare.clone()));
    let invalid = "Bearer realm=\"passport\", error=\"invalid_token\"";
    let with_reason = format!("{invalid}, error_description=\"MalformedToken\"{PARAMETER}");
    assert_eq!(send(&layer(), Requirement::user(), with_token("x")).await, (401, with_reason));
    let opaque = layer().without_error_details();
    let without_reason = format!("{invalid}{PARAMETER}");
    assert_eq!(send(&opaque, Requirement::user(), with_token("x")).await, (401, without_reason));
    // The requirement of the inner layer rejects an anonymous request.
    assert_eq!(send(&layer().optional(), Requirement::user(), Request::new(())).await, (401, bare));
}

#[tokio::test]
async fn unmet_scopes_inside_the_layer_get_the_url() {
    let challenge =
        format!("Bearer realm=\"passport\", error=\"insufficient_scope\", scope=\"read\"{PARAMETER}");
    assert_eq!(send(&layer(), scopes("read"), of_user()).await, (403, challenge));
    assert_eq!(send(&layer(), Requirement::service_account(), of_user()).await, (403, String::new()));
    assert_eq!(send(&layer(), Requirement::user(), of_user()).await, (200, String::new()));
}

#[tokio::test]
async fn challenge_has_the_scopes_of_the_layer() {
    let challenge = |scope: &str| format!("Bearer realm=\"passport\"{scope}{PARAMETER}");
    for (layer, scope) in [
        (layer().require(scopes("write read")), ", scope=\"read write\""),
        (layer().require(Requirement::user()).require(scopes("read")), ", scope=\"read\""),
        (layer().require(scopes("b").and(scopes("a c"))).require(scopes("c")), ", scope=\"a b c\""),
        (layer().require(scopes("a").or(Requirement::user())), ""),
        (layer().require(!scopes("a")), ""),
    ] {
        let rejected = send(&layer, Requirement::user(), Request::new(())).await;
        assert_eq!(rejected, (401, challenge(scope)));
    }
}

#[tokio::test]
async fn order_of_metadata_and_requirement_has_no_effect() {
    let verifier = verifier();
    let resource = ProtectedResource::builder(&verifier, "https://api.example/orders").build().unwrap();
    let before = AuthenticateLayer::new(verifier).require(scopes("read")).resource_metadata(&resource);
    let [before, after] = [before, layer().require(scopes("read"))]
        .map(|layer| async move { send(&layer, Requirement::user(), Request::new(())).await });
    assert_eq!(before.await, after.await);
}
