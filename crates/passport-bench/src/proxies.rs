//! The proxies, each in a child process on the first core.

use std::{
    ffi::OsStr,
    fs::{self, File},
    process::Command,
};

use crate::{
    serve::Server,
    sidecar::{SidecarConfigFile, folder, free_ports},
};

/// The environment variable with the path of the released sidecar. `cargo xtask bench` builds it
/// and sets the variable.
const SIDECAR: &str = "BENCH_SIDECAR";

/// Starts the sidecar as released, with its metrics and without its access log. Its Passport is
/// on another port of this machine.
///
/// # Panics
///
/// If the sidecar does not start.
pub fn sidecar(upstream: u16, token_endpoint: u16) -> Server {
    let config = SidecarConfigFile::written(upstream, token_endpoint);
    let log = File::create(config.path.with_extension("log")).expect("the file is writable");
    let mut command =
        on_the_first_core(std::env::var_os(SIDECAR).expect("`cargo xtask bench` sets BENCH_SIDECAR"));
    command.arg("--config").arg(config.path).env("RUST_LOG", "info,passport_sidecar::access=off");
    Server::started(command.stderr(log), config.port)
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
