//! grpc-web, with clients from npm: `grpc-web` (Google) and `@connectrpc/connect` (Buf).

use std::time::Duration;

use passport_dev::{DevPassport, Endpoint, Fault};

use super::{GrpcWebLayerPosition, server};
use crate::npm;

/// Returns the output of each client for `server`, one line each, or `None` if the clients are
/// not installed.
async fn read_by_clients(server: &str, token: &str) -> Option<Vec<String>> {
    let lock = include_str!("clients/package-lock.json");
    let mut node = npm::script("grpc_web_clients", lock, "read_statuses.mjs")?;
    let output = tokio::time::timeout(Duration::from_secs(60), node.args([server, token]).output()).await;
    let output = output.expect("the clients take seconds").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npm_grpc_web_clients_read_each_status() {
    for position in [GrpcWebLayerPosition::Outside, GrpcWebLayerPosition::Inside] {
        let passport = DevPassport::start().await.unwrap();
        let service = passport.managed_identity("payroll").create().token().build();
        let user = passport.user_token("ada").build();
        let without_keys = server(&passport, position).await;
        passport.inject(Endpoint::Jwks, Fault::Down);
        let Some(unavailable) = read_by_clients(&without_keys, &service).await else { return };
        passport.clear_fault(Endpoint::Jwks);
        let server = server(&passport, position).await;
        let unauthenticated = read_by_clients(&server, "junk").await.unwrap();
        let denied = read_by_clients(&server, &user).await.unwrap();
        let served = read_by_clients(&server, &service).await.unwrap();
        for (read, code) in [(unavailable, 14), (unauthenticated, 16), (denied, 7), (served, 0)] {
            let all = ["connect binary", "grpc-web binary", "grpc-web text"];
            assert_eq!(read, all.map(|client| format!("{client}: {code}")), "{position:?}");
        }
    }
}
