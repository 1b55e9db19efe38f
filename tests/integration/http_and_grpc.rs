//! An axum API and a tonic service on one port, behind one layer, for browsers, curl and gRPC
//! clients.

use std::process::Command;

use axum::{Router, http::Method, routing::get};
use http::HeaderValue;
use passport_dev::DevPassport;
use passport_inbound::{AuthenticateLayer, IdInfo};
use tonic::{Code, Request, service::Routes, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower_http::cors::CorsLayer;

use crate::harness::{http, serve, verifier};

const APP: &str = "https://app.bizfirst.ai";

/// Starts a server with both kinds of routes behind a CORS layer and one authentication layer.
async fn server(passport: &DevPassport) -> String {
    let (_, health) = tonic_health::server::health_reporter();
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static(APP))
        .allow_methods([Method::GET])
        .allow_credentials(true);
    let router = Router::new()
        .route("/whoami", get(|caller: IdInfo| async move { caller.user_id().to_owned() }))
        .merge(Routes::new(health).into_axum_router())
        .layer(cors)
        .layer(AuthenticateLayer::new(verifier(passport)).token_from_cookie("session").allow_preflight());
    serve(router).await
}

async fn as_a_browser(url: &str, cookie: &str) {
    let preflight = http()
        .request(Method::OPTIONS, url)
        .header("origin", APP)
        .header("access-control-request-method", "GET");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["access-control-allow-origin"], APP);
    let request =
        |cookie: &str| http().get(url).header("origin", APP).header("cookie", format!("session={cookie}"));
    assert_eq!(request(cookie).send().await.unwrap().text().await.unwrap(), "ada");
    assert_eq!(request("a.b.c").send().await.unwrap().status(), 401);
}

/// Returns status and body of a request by curl.
fn as_curl(url: &str, token: Option<&str>) -> (String, String) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--write-out", "\n%{http_code}", url]);
    if let Some(token) = token {
        curl.args(["--oauth2-bearer", token]);
    }
    let output = String::from_utf8(curl.output().expect("curl can be started").stdout).unwrap();
    let (body, status) = output.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

async fn as_grpc(server: &str, token: Option<&str>) -> Code {
    let channel = Endpoint::from_shared(server.to_owned()).unwrap().connect_lazy();
    let mut request = Request::new(HealthCheckRequest::default());
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    HealthClient::new(channel).check(request).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_layer_serves_browsers_curl_and_grpc_clients() {
    let passport = DevPassport::start().await.unwrap();
    let server = server(&passport).await;
    let url = format!("{server}/whoami");
    let token = passport.user_token("ada").build();
    as_a_browser(&url, &token).await;

    let (status, body) = as_curl(&url, None);
    assert_eq!((status.as_str(), body.as_str()), ("401", r#"{"error":"authentication_required"}"#));
    let (status, body) = as_curl(&url, Some(&token));
    assert_eq!((status.as_str(), body.as_str()), ("200", "ada"));

    assert_eq!(as_grpc(&server, None).await, Code::Unauthenticated);
    assert_eq!(as_grpc(&server, Some(&token)).await, Code::Ok);
}
