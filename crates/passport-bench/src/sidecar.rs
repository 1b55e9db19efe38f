//! What a measured sidecar needs: its configuration, an upstream service and a caller.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::Router;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The token of the caller that the configuration accepts.
pub const CALLER_TOKEN: &str = "caller-token-of-the-load";

/// The path of forwarded requests.
pub const FORWARDED_PATH: &str = "/to/api/";

/// A configuration with one identity, one caller and one upstream.
#[derive(Debug)]
pub struct SidecarConfigFile {
    pub path: PathBuf,
    /// The port for requests of the caller.
    pub port: u16,
}

impl SidecarConfigFile {
    /// Writes the configuration of a sidecar that forwards requests to the port `upstream`, with
    /// tokens from the port `token_endpoint`.
    ///
    /// # Panics
    ///
    /// If a file cannot be written.
    #[must_use]
    pub fn written(upstream: u16, token_endpoint: u16) -> Self {
        let folder = folder("sidecar");
        let [port, admin] = free_ports();
        let (secret, token) = (file(&folder, "secret", "secret"), file(&folder, "token", CALLER_TOKEN));
        let text = format!(
            r#"
            [listen]
            unix = ""
            tcp = "127.0.0.1:{port}"
            admin = "127.0.0.1:{admin}"
            [identities.erp]
            client_id = "mi-1"
            client_secret_ref = "file:{}"
            token_url = "http://127.0.0.1:{token_endpoint}/token"
            [callers.load]
            token_ref = "file:{}"
            identities = ["erp"]
            [upstreams.api]
            url = "http://127.0.0.1:{upstream}"
            identity = "erp"
            "#,
            secret.display(),
            token.display(),
        );
        Self { path: file(&folder, "sidecar.toml", &text), port }
    }
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, text).expect("the file is writable");
    file
}

/// Returns a new folder for the files of a program.
///
/// # Panics
///
/// If the folder cannot be created.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("bench-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder is writable");
    folder
}

/// Returns free ports. All are bound before one is released, so that they differ.
///
/// # Panics
///
/// If no port is free.
#[must_use]
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free"));
    listeners.each_ref().map(|listener| listener.local_addr().expect("the listener is bound").port())
}

/// Serves an upstream service that responds with "ok".
///
/// # Errors
///
/// If the listener fails.
pub async fn upstream(listener: tokio::net::TcpListener) -> io::Result<()> {
    axum::serve(listener, Router::new().fallback(async || "ok\n")).await
}

/// A caller of the sidecar, with one connection.
#[derive(Debug)]
pub struct Caller(TcpStream);

impl Caller {
    /// Connects as soon as the sidecar listens.
    pub async fn connected(port: u16) -> Self {
        loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                Ok(stream) => return Self(stream),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Makes calls, one after another.
    ///
    /// # Panics
    ///
    /// If a response is not 200.
    pub async fn calls(&mut self, calls: usize) {
        let request = format!(
            "GET {FORWARDED_PATH} HTTP/1.1\r\nhost: localhost\r\npassport-sidecar: true\r\n\
             passport-sidecar-token: {CALLER_TOKEN}\r\n\r\n"
        );
        for _ in 0..calls {
            self.0.write_all(request.as_bytes()).await.expect("the sidecar is connected");
            let response = self.response().await;
            assert!(response.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&response));
        }
    }

    /// Reads a response, which ends with the body of the upstream service.
    async fn response(&mut self) -> Vec<u8> {
        let mut response = Vec::new();
        while !response.ends_with(b"ok\n") {
            let read = self.0.read_buf(&mut response).await.expect("the sidecar responds");
            assert!(read > 0, "the sidecar closed: {}", String::from_utf8_lossy(&response));
        }
        response
    }
}
