//! The protected resource metadata of a verifier.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use passport_inbound::ProtectedResource;
use tower::{Layer, ServiceExt, service_fn};

use super::*;

const RESOURCE: &str = "https://api.example/orders";
const PATH: &str = "/.well-known/oauth-protected-resource/orders";

fn with_resource(changes: &Value) -> Value {
    with(&json!({ "protected_resource": changed(json!({ "resource": RESOURCE }), changes) }))
}

fn resource(value: &Value) -> Option<ProtectedResource> {
    let config = config(value);
    config.protected_resource(&config.build().unwrap()).unwrap()
}

/// Returns the metadata that the configured service serves.
async fn metadata(value: &Value) -> Value {
    let request = Request::get(PATH).body(Full::<Bytes>::default()).unwrap();
    let response = resource(value).unwrap().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn settings_of_the_resource_are_served() {
    let all = with_resource(&json!({
        "scopes": ["orders.read", "orders.write"], "ResourceName": "Orders",
        "resource_documentation": "https://docs.example/orders",
    }));
    let expected = json!({
        "resource": RESOURCE, "resource_name": "Orders",
        "authorization_servers": ["https://passport.bizfirst.ai"],
        "scopes_supported": ["orders.read", "orders.write"], "bearer_methods_supported": ["header"],
        "resource_documentation": "https://docs.example/orders",
    });
    assert_eq!(metadata(&all).await, expected);
    let only = json!({
        "resource": RESOURCE, "authorization_servers": ["https://passport.bizfirst.ai"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(metadata(&with_resource(&json!({}))).await, only);
}

#[tokio::test]
async fn challenges_have_the_url_of_the_metadata() {
    for (value, has_url) in [(with_resource(&json!({})), true), (with(&json!({})), false)] {
        let config = config(&value);
        let layer = config.layer(config.build().unwrap()).unwrap();
        let service = layer.layer(service_fn(|_: Request<Full<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }));
        let request = Request::get("/orders").body(Full::<Bytes>::default()).unwrap();
        let response = service.oneshot(request).await.unwrap();
        let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
        let url = format!("resource_metadata=\"https://api.example{PATH}\"");
        assert_eq!(challenge.contains(&url), has_url, "{challenge}");
    }
}

#[test]
fn configuration_without_a_resource_serves_no_metadata() {
    assert!(resource(&with(&json!({}))).is_none());
}

#[test]
fn plain_http_needs_the_named_option() {
    let changes = json!({ "resource": "http://orders.internal/", "danger_plain_http": true });
    assert_eq!(mistakes(&with_resource(&changes)), [""; 0]);
}
