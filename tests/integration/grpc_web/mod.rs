//! grpc-web with the client of tonic-web. The authentication layer is outside or inside
//! tonic-web's layer.

mod npm;

use axum::Router;
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_inbound::{AuthenticateLayer, IdInfo, RequireServiceAccountLayer};
use tokio::net::TcpListener;
use tonic::{Code, Request, service::Routes};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_web::{GrpcWebCall, GrpcWebClientLayer, GrpcWebClientService, GrpcWebLayer};
use tower::{Layer, ServiceBuilder};

use crate::harness::{http, serve, verifier};

#[derive(Clone, Copy, Debug)]
enum GrpcWebLayerPosition {
    Outside,
    Inside,
}

/// Starts the standard health service over grpc-web, for service accounts.
async fn server(passport: &DevPassport, position: GrpcWebLayerPosition) -> String {
    let (_, health) = tonic_health::server::health_reporter();
    let routes = Routes::new(health).into_axum_router();
    let (authenticates, guards) =
        (AuthenticateLayer::new(verifier(passport)), RequireServiceAccountLayer::new());
    let web = GrpcWebLayer::new();
    serve(match position {
        GrpcWebLayerPosition::Outside => routes.layer(web).layer(guards).layer(authenticates),
        GrpcWebLayerPosition::Inside => routes.layer(guards).layer(authenticates).layer(web),
    })
    .await
}

type Web = GrpcWebClientService<Client<HttpConnector, GrpcWebCall<tonic::body::Body>>>;

fn web_client(server: &str, is_http2: bool) -> HealthClient<Web> {
    let client = Client::builder(TokioExecutor::new()).http2_only(is_http2).build_http();
    let client = ServiceBuilder::new().layer(GrpcWebClientLayer::new()).service(client);
    HealthClient::with_origin(client, server.parse().unwrap())
}

async fn code(client: &mut HealthClient<Web>, token: Option<&str>) -> Code {
    let mut request = Request::new(HealthCheckRequest::default());
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    client.check(request).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn tonic_web_client_reads_each_status() {
    for position in [GrpcWebLayerPosition::Outside, GrpcWebLayerPosition::Inside] {
        for is_http2 in [false, true] {
            let passport = DevPassport::start().await.unwrap();
            let service = passport.managed_identity("payroll").create().token().build();
            let user = passport.user_token("ada").build();
            let mut client = web_client(&server(&passport, position).await, is_http2);
            passport.inject(Endpoint::Jwks, Fault::Down);
            assert_eq!(code(&mut client, Some(&service)).await, Code::Unavailable, "{position:?} {is_http2}");
            passport.clear_fault(Endpoint::Jwks);

            let mut client = web_client(&server(&passport, position).await, is_http2);
            for (token, expected) in [
                (None, Code::Unauthenticated),
                (Some("junk"), Code::Unauthenticated),
                (Some(user.as_str()), Code::PermissionDenied),
                (Some(service.as_str()), Code::Ok),
            ] {
                assert_eq!(code(&mut client, token).await, expected, "{position:?} {is_http2} {token:?}");
            }
        }
    }
}

/// Returns the content type and the body of a rejection.
async fn rejection(client: &reqwest::Client, url: &str, content_type: &str) -> (String, Vec<u8>) {
    let response =
        client.post(url).header("content-type", content_type).body("\0\0\0\0\0").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (content_type, response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn grpc_web_rejection_is_a_trailers_frame() {
    let passport = DevPassport::start().await.unwrap();
    let url =
        format!("{}/grpc.health.v1.Health/Check", server(&passport, GrpcWebLayerPosition::Outside).await);
    let frame = b"\x80\0\0\0\x38grpc-status: 16\r\ngrpc-message: authentication required\r\n";
    let http1 = reqwest::Client::builder().no_proxy().tls_certs_only([]).http1_only().build().unwrap();
    for client in [http1, http()] {
        for content_type in ["application/grpc-web", "application/grpc-web+proto"] {
            let (answered, body) = rejection(&client, &url, content_type).await;
            assert_eq!((answered.as_str(), &body[..]), (content_type, &frame[..]));
        }
        for content_type in ["application/grpc-web-text", "application/grpc-web-text+proto"] {
            let (answered, body) = rejection(&client, &url, content_type).await;
            assert_eq!(answered, content_type);
            assert_eq!(BASE64_STANDARD.decode(body).unwrap(), frame);
        }
    }
}

/// A layer that is set to HTTP does not answer 200 because of a content type of gRPC.
#[tokio::test]
async fn layer_set_to_http_rejects_in_http() {
    let passport = DevPassport::start().await.unwrap();
    let whoami = axum::routing::post(|_: IdInfo| async {});
    let users = axum::routing::post(|| async {}).layer(RequireServiceAccountLayer::new());
    let router = Router::new().route("/", whoami).route("/services", users);
    let url = serve(router.layer(AuthenticateLayer::new(verifier(&passport)).http_rejections())).await;
    let user = passport.user_token("ada").build();
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc-web-text"] {
        let request = |path: &str| http().post(format!("{url}{path}")).header("content-type", content_type);
        assert_eq!(request("/").send().await.unwrap().status(), 401, "{content_type}");
        let guarded = request("/services").bearer_auth(&user).send().await.unwrap();
        assert_eq!(guarded.status(), 403, "{content_type}");
    }
}

#[tokio::test]
async fn layer_set_to_grpc_rejects_in_grpc() {
    let passport = DevPassport::start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let layer = AuthenticateLayer::new(verifier(&passport)).grpc_rejections();
    let router = Router::new().fallback_service(layer.layer(Router::new()));
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    let response = http().get(url).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["grpc-status"]),
        (200, &"16".parse().unwrap())
    );
}
