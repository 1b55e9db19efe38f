use std::{future::ready, net::TcpListener};

use super::*;

#[tokio::test]
async fn debug_of_a_serve_error_is_its_message() {
    let used = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = used.local_addr().unwrap();
    let config = SidecarConfig::from_toml(&format!("[listen]\nunix = \"\"\nadmin = \"{address}\"\n"));
    let sidecar = SidecarServer::new(config.unwrap(), ConfigRegistry::default()).unwrap();
    let error = sidecar.serve(ready(())).await.unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
}

#[tokio::test]
async fn address_in_use_is_named_with_its_key() {
    let used = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = used.local_addr().unwrap();
    let error = ServeError::from(listener::bind_tcp("listen.tcp", address).await.unwrap_err());
    let message = format!("{error:?}");
    assert!(message.starts_with(&format!("cannot listen: listen.tcp = {address}: ")), "{message}");
}
