//! Clients in other languages: nginx in front of a service, and an OAuth2 client in Python.

use std::{path::Path, process::Stdio};

use axum::{Router, http::HeaderMap, routing::get};
use passport_test_support::{python, servers::serve};
use tokio::process::{Child, Command};

use crate::harness::{CALLER_TOKEN, Setup, eventually};

const THROUGH_NGINX: &str = "http://localhost/orders";

/// Starts a service behind nginx that trusts the `X-Passport-*` headers.
async fn service() -> String {
    let router = Router::new().route(
        "/orders",
        get(|headers: HeaderMap| async move {
            let header =
                |name: &str| headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
            let [roles, subject] = ["x-passport-roles", "x-passport-subject"].map(header);
            format!("{roles} {} {subject}", header("x-passport-service-account"))
        }),
    );
    serve(router).await.replace("http://", "")
}

/// Starts nginx with the configuration in `docs/sidecar.md`.
async fn nginx(folder: &Path, socket: &Path, service: &str) -> (Child, reqwest::Client) {
    let here = folder.display();
    let docs = include_str!("../../../../docs/sidecar.md");
    let snippet = docs.split("```nginx\n").nth(1).unwrap().split("```").next().unwrap();
    let snippet = snippet
        .replace("/run/passport/sidecar.sock", &socket.display().to_string())
        .replace("127.0.0.1:8080", service)
        .replace("listen 80;", &format!("listen unix:{here}/nginx.sock;"));
    let config = format!(
        "daemon off; master_process off; pid {here}/nginx.pid; error_log {here}/nginx.error;\n\
         events {{}}\n\
         http {{ access_log off; client_body_temp_path {here}/b; proxy_temp_path {here}/p; \
         fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n{snippet}\n}}"
    );
    std::fs::write(folder.join("nginx.conf"), config).unwrap();
    let process = Command::new("nginx")
        .args([
            "-c",
            &format!("{here}/nginx.conf"),
            "-p",
            &here.to_string(),
            "-e",
            &format!("{here}/nginx.error"),
        ])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("`cargo xtask test` installs nginx");
    let client = reqwest::Client::builder().unix_socket(folder.join("nginx.sock")).build().unwrap();
    eventually(async || {
        let response = client.get(THROUGH_NGINX).send().await;
        let log = || std::fs::read_to_string(folder.join("nginx.error")).unwrap_or_default();
        response.map_err(|_| format!("nginx does not start: {}", log()))
    })
    .await;
    (process, client)
}

#[tokio::test]
async fn nginx_authenticates_requests_and_forwards_the_caller() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let (_nginx, client) = nginx(setup.folder.path(), &sidecar.socket, &service().await).await;
    let get_orders = || {
        client
            .get(THROUGH_NGINX)
            .header("x-passport-roles", "admin")
            .header("x-passport-subject", "admin")
            .header("origin", "https://elsewhere")
    };
    assert_eq!(get_orders().send().await.unwrap().status(), 401);
    let good = get_orders().bearer_auth(setup.registered.token().build()).send().await.unwrap();
    assert_eq!(good.status(), 200);
    let body = good.text().await.unwrap();
    assert!(body.starts_with("erp.read true ") && !body.contains("admin"), "{body}");
    assert_eq!(get_orders().bearer_auth("x").send().await.unwrap().status(), 401);
}

/// `requests-oauthlib` gets a token and calls the API with it, directly and through the sidecar.
#[tokio::test]
async fn python_oauthlib_needs_only_another_token_url() {
    let Some(mut python) = python::program("python") else { return };
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let script = "
import os, sys
os.environ['OAUTHLIB_INSECURE_TRANSPORT'] = '1'
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session
sidecar, api, client_id, secret = sys.argv[1:]
session = OAuth2Session(client=BackendApplicationClient(client_id))
session.trust_env = False
session.fetch_token(sidecar + '/passport/token', client_id=client_id, client_secret=secret)
sidecar_headers = {'Passport-Sidecar': 'true', 'Passport-Sidecar-Token': secret}
for url, headers in [
    (api + '/orders', {}),
    (sidecar + '/to/as_the_caller/orders', sidecar_headers),
    (sidecar + '/to/api/orders', sidecar_headers),
]:
    response = session.get(url, headers=headers)
    response.raise_for_status()
    print(response.json()['caller'])
";
    python.args(["-c", script, &sidecar.url(""), &setup.api]);
    let done = python.args([setup.registered.client_id(), CALLER_TOKEN]).output().await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8_lossy(&done.stdout), "erp\n".repeat(3));
}
