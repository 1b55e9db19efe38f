use std::{future::ready, net::TcpListener};

use super::*;

#[tokio::test]
async fn debug_of_a_serve_error_names_key_and_address() {
    let used = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = used.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = SidecarConfig::from_toml(&format!(
        "[listen]\nunix = \"{}\"\nadmin = \"{address}\"\n\
         [identities.erp]\nclient_id = \"mi-1\"\nclient_secret_ref = \"env:SECRET\"\n",
        folder.path().join("sidecar.sock").display()
    ));
    let sidecar = SidecarServer::new(config.unwrap(), ConfigRegistry::default()).unwrap();
    let error = sidecar.serve(ready(())).await.unwrap_err();
    let message = format!("{error:?}");
    assert_eq!(message, error.to_string());
    assert!(message.starts_with(&format!("cannot listen: listen.admin = {address}: ")), "{message}");
}
