//! A sidecar that may have few files open.

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::{TcpStream, UnixStream},
};

use crate::scene::{Scene, Sidecar, eventually};

/// Less than its connections want, but more than it reserves.
const OPEN_FILES: u32 = 300;

async fn sidecar() -> (Scene, Sidecar) {
    let scene = Scene { open_files: Some(OPEN_FILES), ..Scene::new().await };
    let sidecar = scene.sidecar_with("[limits]\nhead_seconds = 300").await;
    (scene, sidecar)
}

/// Takes all files of a listener, and sees that one more connection is refused with an answer.
async fn take_all<S: AsyncRead + Unpin>(connect: impl AsyncFn() -> S) -> Vec<S> {
    let mut held = Vec::new();
    for _ in 0..OPEN_FILES / 2 {
        held.push(connect().await);
    }
    // Some of those before may be refused at this moment.
    eventually(async || {
        let mut said = [0; 12];
        let read = connect().await.read_exact(&mut said).await;
        read.map_err(|error| format!("it is closed without an answer: {error}"))?;
        assert_eq!(&said, b"HTTP/1.1 429");
        Ok(())
    })
    .await;
    held
}

#[tokio::test]
async fn connection_beyond_the_open_files_is_answered_429() {
    let (_scene, sidecar) = sidecar().await;
    assert!(sidecar.logged().contains("open file limit is lower than"), "{}", sidecar.logged());
    let _held = take_all(async || UnixStream::connect(&sidecar.socket).await.unwrap()).await;
    assert_eq!(sidecar.admin("/livez").await.unwrap().0, 200);
}

#[tokio::test]
async fn strangers_on_tcp_leave_files_to_unix_callers() {
    let (_scene, sidecar) = sidecar().await;
    let _held = take_all(async || TcpStream::connect(("127.0.0.1", sidecar.tcp)).await.unwrap()).await;
    for path in ["v1/token?identity=erp", "to/api/orders"] {
        let response = sidecar.unix().get(format!("http://localhost/{path}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
}
