//! The proxies, each in a child process on the first core.

use std::{
    ffi::OsStr,
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::Command,
};

use crate::serve::Server;

/// The environment variable with the path of the released sidecar. `cargo xtask bench` builds it
/// and sets the variable.
const SIDECAR: &str = "BENCH_SIDECAR";

/// The token that the load generator sends to the sidecar.
pub const CALLER_TOKEN: &str = "caller-token-of-the-load";

/// Starts the sidecar as released, with its metrics and without its access log. Its Passport is
/// on another port of this machine.
///
/// # Panics
///
/// If the sidecar does not start.
pub fn sidecar(upstream: u16, token_endpoint: u16) -> Server {
    let folder = folder("sidecar");
    let [port, admin] = free_ports();
    let file = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).expect("the file is writable");
        file
    };
    let (secret, token) = (file("secret", "secret"), file("token", CALLER_TOKEN));
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
    let config = file("sidecar.toml", &text);
    let log = File::create(folder.join("log")).expect("the file is writable");
    let mut command =
        on_the_first_core(std::env::var_os(SIDECAR).expect("`cargo xtask bench` sets BENCH_SIDECAR"));
    command.arg("--config").arg(config).env("RUST_LOG", "info,passport_sidecar::access=off");
    Server::started(command.stderr(log), port)
}

/// Starts nginx as a plain reverse proxy, in one process.
///
/// # Panics
///
/// If nginx does not start.
pub fn nginx(upstream: u16) -> Server {
    let folder = folder("nginx");
    let [port] = free_ports();
    let here = folder.display();
    let text = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/error;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {here}/b; \
         proxy_temp_path {here}/p; fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
         upstream api {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}\n\
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://api; proxy_http_version 1.1; \
         proxy_set_header Connection \"\"; proxy_set_header Authorization \"Bearer of-a-fixed-text\"; }} }} }}"
    );
    let config = folder.join("nginx.conf");
    fs::write(&config, text).expect("the file is writable");
    let mut command = on_the_first_core("nginx");
    Server::started(command.arg("-c").arg(&config).args(["-e", &format!("{here}/error")]), port)
}

fn on_the_first_core(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(program);
    command
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("bench-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder is writable");
    folder
}

/// Returns free ports. All are bound before one is released, so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free"));
    listeners.each_ref().map(|listener| listener.local_addr().expect("the listener is bound").port())
}
