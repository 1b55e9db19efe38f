//! A sidecar under systemd: it serves a socket that systemd has opened (socket activation), and
//! notifies systemd of its state.

use std::{os::unix::net::UnixDatagram, process::Stdio, time::Duration};

use tokio::process::Command;

use crate::harness::{Setup, json};

/// A program that opens a socket as systemd does, and executes the sidecar, which inherits the
/// socket.
const SOCKET_ACTIVATION: &str = "
import os, socket, sys
path, program, *arguments = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
if listener.fileno() != 3:
    os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(program, [program, *arguments])
";

#[tokio::test]
async fn systemd_socket_is_served_and_systemd_notified() {
    let setup = Setup::new().await;
    let (config, socket, notify) =
        (setup.path("sidecar.toml"), setup.path("activated.sock"), setup.path("notify"));
    std::fs::write(&config, setup.config("")).unwrap();
    let message = UnixDatagram::bind(&notify).unwrap();
    message.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut process = Command::new("python3")
        .args(["-c", SOCKET_ACTIVATION, &socket, env!("CARGO_BIN_EXE_passport-sidecar"), "--config", &config])
        .env("NOTIFY_SOCKET", &notify)
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("`cargo xtask test` installs python3");
    let notified = tokio::task::spawn_blocking(move || {
        let mut state = [0; 64];
        let length = message.recv(&mut state).unwrap();
        String::from_utf8_lossy(&state[..length]).into_owned()
    });
    assert!(notified.await.unwrap().contains("READY=1"));
    let client = reqwest::Client::builder().tls_certs_only([]).unix_socket(socket.as_str()).build().unwrap();
    let request = client.get("http://localhost/v1/token?identity=erp").header("passport-sidecar", "true");
    assert!(json(request.send().await.unwrap()).await["access_token"].is_string());
    assert!(
        !std::path::Path::new(&setup.path("sidecar.sock")).exists(),
        "the configured listener is not opened"
    );
    process.kill().await.unwrap();
}
