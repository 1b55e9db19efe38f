use tokio::net::TcpListener;

use super::*;
use crate::{limits::Limits, proxy::tls::TlsConfigs};

/// The upstream accepts the TCP connection, and never answers the TLS handshake.
#[tokio::test]
async fn stuck_tls_handshake_ends_after_the_connect_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = TlsConfigs::default().get(&"http://127.0.0.1".parse().unwrap(), None).unwrap();
    let root = format!("https://{address}/").parse().unwrap();
    let connector = Connector::new(root, tls, true, &Limits::default()).unwrap();
    let connecting = tokio::spawn(async move { connector.connect().await.map(drop) });
    let _stuck = listener.accept().await.unwrap();
    tokio::time::pause();
    let error = connecting.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "no connection within 10 s");
}
