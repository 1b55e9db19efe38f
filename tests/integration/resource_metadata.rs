//! A client without configuration finds the authorization server of an API (RFC 9728), over
//! loopback sockets.

use axum::{Router, ServiceExt, routing::get};
use http::Method;
use passport_dev::DevPassport;
use passport_inbound::{AuthenticateLayer, IdInfo, ProtectedResource, TokenVerifier};
use passport_test_support::servers::{client, serve_on};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::harness::verifier;

fn api() -> Router {
    Router::new().route("/orders", get(async |caller: IdInfo| caller.user_id().to_owned()))
}

fn resource(verifier: &TokenVerifier, listener: &TcpListener) -> ProtectedResource {
    let url = format!("http://{}/orders", listener.local_addr().unwrap());
    ProtectedResource::builder(verifier, url).build().unwrap()
}

/// Serves the API with its metadata outside the layer. Returns the URL of the API.
async fn served(passport: &DevPassport) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let verifier = verifier(passport);
    let resource = resource(&verifier, &listener);
    let layer = AuthenticateLayer::new(verifier).resource_metadata(&resource);
    format!("http://{}/orders", serve_on(listener, api().layer(layer).merge(resource.into_router())))
}

/// Requests `url` without a token. Returns the URL of the metadata in the challenge.
async fn metadata_url(url: &str) -> String {
    let response = client().get(url).send().await.unwrap();
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    let (_, rest) = challenge.split_once("resource_metadata=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn client_finds_the_issuer_by_the_challenge() {
    let passport = DevPassport::start().await.unwrap();
    let url = served(&passport).await;
    let response = client().get(metadata_url(&url).await).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let metadata: Value = response.json().await.unwrap();
    assert_eq!(metadata["resource"], url);
    let issuer = metadata["authorization_servers"][0].as_str().unwrap();
    let discovery = client().get(format!("{issuer}/.well-known/openid-configuration")).send().await.unwrap();
    assert_eq!(discovery.json::<Value>().await.unwrap()["issuer"], issuer);
    let token = passport.user_token("alice").build();
    let response = client().get(&url).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "alice");
}

#[tokio::test]
async fn metadata_is_served_to_caches_and_browsers() {
    let url = metadata_url(&served(&DevPassport::start().await.unwrap()).await).await;
    let send = |method: Method, name: &'static str, value: String| {
        client().request(method, &url).header(name, value).send()
    };
    let document = client().get(&url).send().await.unwrap();
    let tag = document.headers()["etag"].to_str().unwrap().to_owned();
    let length = document.text().await.unwrap().len().to_string();
    let head = send(Method::HEAD, "host", "other.example".to_owned()).await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()), (200, &*length));
    assert_eq!(head.headers()["etag"], tag);
    assert_eq!(send(Method::GET, "if-none-match", tag).await.unwrap().status(), 304);
    let preflight = send(Method::OPTIONS, "origin", "https://app.example".to_owned()).await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert_eq!(send(Method::POST, "origin", String::new()).await.unwrap().status(), 405);
}

#[tokio::test]
async fn metadata_can_be_a_public_path_of_a_whole_router() {
    let passport = DevPassport::start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let verifier = verifier(&passport);
    let resource = resource(&verifier, &listener);
    let layer = AuthenticateLayer::new(verifier).resource_metadata(&resource);
    let layer = layer.public_paths([resource.metadata_path()]).unwrap();
    let url = format!("http://{}/orders", listener.local_addr().unwrap());
    let service = layer.around(api().merge(resource.into_router()));
    tokio::spawn(async { axum::serve(listener, service.into_make_service()).await.unwrap() });
    let response = client().get(metadata_url(&url).await).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["resource"], url);
}
