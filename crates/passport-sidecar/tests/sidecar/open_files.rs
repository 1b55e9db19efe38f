//! A sidecar with a low limit on open files.

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::{TcpStream, UnixStream},
};

use crate::{
    caller_limits::web,
    harness::{Setup, SidecarProcess, eventually, plain},
};

/// A limit on open files that is lower than the connections of the sidecar need, but higher than
/// the number of files that it reserves.
const OPEN_FILES: u32 = 300;

async fn sidecar() -> (Setup, SidecarProcess) {
    sidecar_with(|_| String::new()).await
}

async fn sidecar_with(more: impl Fn(&Setup) -> String) -> (Setup, SidecarProcess) {
    let setup = Setup { open_files: Some(OPEN_FILES), ..Setup::new().await };
    let sidecar = setup.sidecar_with(&format!("{}[limits]\nhead_timeout_seconds = 300", more(&setup))).await;
    (setup, sidecar)
}

/// Opens connections with `connect` until the listener has no file left, and checks that one
/// more connection is rejected with a response. Returns the open connections.
async fn take_all<S: AsyncRead + Unpin>(connect: impl AsyncFn() -> S) -> Vec<S> {
    let mut held = Vec::new();
    for _ in 0..OPEN_FILES / 2 {
        held.push(connect().await);
    }
    // The sidecar can still be rejecting some of these connections.
    eventually(async || {
        let mut status = [0; 12];
        let read = connect().await.read_exact(&mut status).await;
        read.map_err(|error| format!("closed without a response: {error}"))?;
        assert_eq!(&status, b"HTTP/1.1 429");
        Ok(())
    })
    .await;
    held
}

#[tokio::test]
async fn connection_beyond_the_open_files_gets_429() {
    let (_setup, sidecar) = sidecar().await;
    assert!(sidecar.logged().contains("open file limit is too low for"), "{}", sidecar.logged());
    let _held = take_all(async || UnixStream::connect(&sidecar.socket).await.unwrap()).await;
    assert_eq!(sidecar.admin("/livez").await.unwrap().0, 200);
}

#[tokio::test]
async fn unknown_tcp_clients_leave_files_to_unix_callers() {
    let (_setup, sidecar) = sidecar().await;
    let _held = take_all(async || TcpStream::connect(("127.0.0.1", sidecar.tcp)).await.unwrap()).await;
    for path in ["v1/token?identity=erp", "to/api/orders"] {
        let response = sidecar.unix().get(format!("http://localhost/{path}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn one_caller_leaves_files_to_another() {
    let (_setup, sidecar) = sidecar_with(web).await;
    let _held = take_all(async || UnixStream::connect(&sidecar.socket).await.unwrap()).await;
    for path in ["/v1/token?identity=erp", "/to/api/orders"] {
        let get = plain().get(sidecar.url(path)).header("passport-sidecar", "true");
        let response = get.header("passport-sidecar-token", "token-of-web").send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
}
