//! axum: one `AuthenticateLayer` around a whole router, served over loopback.

use std::net::SocketAddr;

use axum::{
    Router, ServiceExt,
    extract::{ConnectInfo, OriginalUri, WebSocketUpgrade, ws::WebSocket},
    response::Response,
    routing::get,
};
use futures_util::{SinkExt, StreamExt};
use http::Method;
use passport_dev::DevPassport;
use passport_inbound::{AuditLayer, AuthenticateLayer, IdInfo, RequireServiceAccountLayer};
use passport_test_support::servers::client;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite;
use tower::ServiceBuilder;

use crate::harness::{http, status_with, verifier};

fn router() -> Router {
    let nested = Router::new().route(
        "/{id}",
        get(|OriginalUri(uri): OriginalUri, caller: Option<IdInfo>| async move {
            format!("{} {}", uri.path_and_query().unwrap(), caller.is_some())
        }),
    );
    Router::new()
        .route("/health", get(async || "up"))
        .route("/whoami", get(async |caller: IdInfo| caller.user_id().to_owned()))
        .route("/sync", get(async || "synced").layer(RequireServiceAccountLayer::new()))
        .route("/address", get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.ip().to_string()))
        .route("/echo", get(echo))
        .nest("/orders", nested.clone())
        .nest("/catalog", nested)
        .fallback(async || "fallback")
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            let _ = socket.send(message).await;
        }
    })
}

/// Serves the router with one layer around it. Returns the base URL.
async fn served(passport: &DevPassport) -> String {
    let layer =
        AuthenticateLayer::new(verifier(passport)).public_paths(["/health", "/catalog/{id}"]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = layer.around(router()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, service).await.unwrap() });
    url
}

async fn text(url: String, token: &str) -> String {
    http().get(url).bearer_auth(token).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn layer_around_a_router_authenticates_each_route() {
    let passport = DevPassport::start().await.unwrap();
    let url = served(&passport).await;
    let token = passport.user_token("ada").build();
    assert_eq!(text(format!("{url}/whoami"), &token).await, "ada");
    assert_eq!(status_with(&format!("{url}/sync"), Some(&token)).await, 403);
    assert_eq!(text(format!("{url}/address"), &token).await, "127.0.0.1");
    assert_eq!(text(format!("{url}/orders/7?full=1"), &token).await, "/orders/7?full=1 true");
    assert_eq!(text(format!("{url}/nowhere"), &token).await, "fallback");
    for path in ["/whoami", "/sync", "/address", "/orders/7", "/echo"] {
        assert_eq!(status_with(&format!("{url}{path}"), None).await, 401, "{path}");
    }
}

#[tokio::test]
async fn public_path_around_a_router_needs_no_token() {
    let passport = DevPassport::start().await.unwrap();
    let url = served(&passport).await;
    assert_eq!(status_with(&format!("{url}/health"), None).await, 200);
    let nested = http().get(format!("{url}/catalog/7")).send().await.unwrap();
    assert_eq!(nested.text().await.unwrap(), "/catalog/7 false");
    assert_eq!(status_with(&format!("{url}/catalog/7/"), None).await, 401);
}

#[tokio::test]
async fn path_without_a_route_looks_like_one_with_a_route() {
    let passport = DevPassport::start().await.unwrap();
    let url = served(&passport).await;
    let rejection = async |path: &str, method: Method| {
        let response = http().request(method, format!("{url}{path}")).send().await.unwrap();
        let challenge = response.headers()["www-authenticate"].clone();
        let has_allow = response.headers().contains_key("allow");
        (response.status().as_u16(), challenge, has_allow, response.text().await.unwrap())
    };
    let known = rejection("/whoami", Method::GET).await;
    assert_eq!((known.0, known.2), (401, false));
    assert_eq!(rejection("/nowhere", Method::GET).await, known);
    assert_eq!(rejection("/whoami", Method::DELETE).await, known);
}

#[tokio::test]
async fn rejected_head_request_has_no_content() {
    let passport = DevPassport::start().await.unwrap();
    let url = served(&passport).await;
    for client in [http(), client()] {
        let response = client.head(format!("{url}/whoami")).send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-length"], "35");
        assert!(response.bytes().await.unwrap().is_empty());
        assert_eq!(client.get(format!("{url}/health")).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn web_socket_opens_through_a_layer_around_a_router() {
    let passport = DevPassport::start().await.unwrap();
    let url = format!("{}/echo", served(&passport).await.replacen("http", "ws", 1));
    let refused = tokio_tungstenite::connect_async(&url).await.unwrap_err();
    assert!(matches!(refused, tungstenite::Error::Http(response) if response.status() == 401));
    let mut request = tungstenite::client::IntoClientRequest::into_client_request(url).unwrap();
    let bearer = format!("Bearer {}", passport.user_token("ada").build());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    socket.send(tungstenite::Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().to_text().unwrap(), "hello");
}

#[tokio::test]
async fn layer_outside_wraps_the_layer_around_a_router() {
    let passport = DevPassport::start().await.unwrap();
    let inner = AuthenticateLayer::new(verifier(&passport)).around(router());
    let service = ServiceBuilder::new().layer(AuditLayer::new()).service(inner);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, service.into_make_service()).await.unwrap() });
    assert_eq!(text(format!("{url}/whoami"), &passport.user_token("ada").build()).await, "ada");
    assert_eq!(status_with(&format!("{url}/health"), None).await, 401);
}
