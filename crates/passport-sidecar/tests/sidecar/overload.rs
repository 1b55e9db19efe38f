//! More requests and connections than the limits allow.

use std::time::Duration;

use futures_util::future::join_all;
use passport_dev::{Endpoint, Fault};
use tokio::{io::AsyncReadExt, net::UnixStream};

use crate::harness::{Setup, json};

/// Each client has its own connection, as 500 processes would. All of them request a token while
/// one token fetch is in flight.
#[tokio::test(flavor = "multi_thread")]
async fn one_token_request_for_500_clients() {
    let setup = Setup::new().await;
    setup.passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3)));
    let clients: Vec<_> = (0..500).map(|_| setup.unix()).collect();
    let sidecar = setup.sidecar().await;
    let requests = clients.into_iter().map(|client| {
        tokio::spawn(async move {
            json(client.get("http://localhost/v1/token?identity=erp").send().await.unwrap()).await
        })
    });
    let requests: Vec<_> = requests.collect();
    sidecar.has("passport_sidecar_connections{listener=\"unix\"} 500").await;
    for response in join_all(requests).await {
        let response = response.unwrap();
        assert!(response["access_token"].is_string(), "{response}");
    }
    assert_eq!(setup.passport.counters().token(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_get_429() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with("[limits]\nmax_connections = 100\nhead_timeout_seconds = 300").await;
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(UnixStream::connect(&sidecar.socket).await.unwrap());
    }
    // Opens 9,900 more connections, a hundred at a time.
    for _ in 0..99 {
        let rejected = (0..100).map(|_| async {
            let mut stream = UnixStream::connect(&sidecar.socket).await.unwrap();
            let mut response = Vec::new();
            stream.read_to_end(&mut response).await.unwrap();
            assert!(response.starts_with(b"HTTP/1.1 429 "), "{}", String::from_utf8_lossy(&response));
        });
        let (_, health) = tokio::join!(join_all(rejected), sidecar.admin("/livez"));
        assert_eq!(health.unwrap().0, 200);
    }
    let (status, metrics) = sidecar.admin("/metrics").await.unwrap();
    assert_eq!(status, 200);
    assert!(
        metrics.contains("passport_sidecar_connections_rejected_total{listener=\"unix\"} 9900"),
        "{metrics}"
    );
    let peak = sidecar.peak();
    assert!(peak < 128 * 1024 * 1024, "{peak} bytes");
    drop(held);
    sidecar.has("passport_sidecar_connections{listener=\"unix\"} 0").await;
    let response = sidecar.unix().get("http://localhost/v1/token?identity=erp").send().await;
    assert_eq!(response.unwrap().status(), 200, "connections are free again");
}
