//! A dev Passport, an API that authenticates requests, and sidecars as child processes.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use axum::{Router, http::HeaderMap, routing::any};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use passport_dev::{DevIdentity, DevPassport};
use passport_inbound::{AuthenticateLayer, IdInfo};
use passport_test_support::{
    harness::verifier,
    servers::{client_builder, serve},
};
pub(crate) use passport_test_support::{processes::eventually, servers::client as plain};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

/// The token that the caller `erp` sends on TCP.
pub(crate) const CALLER_TOKEN: &str = "caller-token-of-erp";
/// The name of the file with the client secret of the identity `erp`.
pub(crate) const SECRET_FILE: &str = "erp.secret";

/// The servers of a test, and the folder of its sidecars.
pub(crate) struct Setup {
    pub(crate) passport: DevPassport,
    pub(crate) registered: DevIdentity,
    /// The base URL of an API that authenticates requests.
    pub(crate) api: String,
    pub(crate) folder: TempDir,
    /// Environment variables of the sidecar, in addition to those of the test process.
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// The limit on open files of the sidecar. `None` inherits the limit of the test process.
    pub(crate) open_files: Option<u32>,
}

/// A running sidecar.
pub(crate) struct SidecarProcess {
    pub(crate) process: Child,
    pub(crate) socket: PathBuf,
    pub(crate) tcp: u16,
    pub(crate) admin: u16,
    pub(crate) log: PathBuf,
}

impl Setup {
    /// Starts a dev Passport and an API.
    pub(crate) async fn new() -> Self {
        Self::with(DevPassport::start().await.unwrap()).await
    }

    /// Starts an API that accepts tokens of `passport`.
    pub(crate) async fn with(passport: DevPassport) -> Self {
        let registered = passport.managed_identity("erp").role("erp.read").create();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(SECRET_FILE), registered.secret()).unwrap();
        fs::write(folder.path().join("caller.token"), CALLER_TOKEN).unwrap();
        let api = api(&passport).await;
        Self { passport, registered, api, folder, variables: &[], open_files: None }
    }

    /// Returns a client of the Unix socket. The sidecar can be started later.
    pub(crate) fn unix(&self) -> reqwest::Client {
        marked().unix_socket(self.folder.path().join("sidecar.sock")).build().unwrap()
    }

    /// Returns the path of a file in the folder of the test.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Returns a configuration with one identity, and one caller on both listeners. `more` is
    /// appended to it.
    pub(crate) fn config(&self, more: &str) -> String {
        let uid = nix::unistd::getuid();
        format!(
            r#"
            [listen]
            unix = "{socket}"
            tcp = "127.0.0.1:0"
            admin = "127.0.0.1:0"

            [identities.erp]
            client_id = "{id}"
            client_secret_ref = "file:{secret}"
            passport_base_url = "{issuer}"

            [identities.payroll]
            client_id = "payroll"
            client_secret_ref = "env:NOWHERE"
            passport_base_url = "{issuer}"

            [callers.erp]
            uids = [{uid}]
            token_ref = "file:{token}"
            identities = ["erp"]

            [validate]
            audience = "{audience}"
            issuer = "{issuer}"

            [upstreams.api]
            url = "{api}"
            identity = "erp"

            [upstreams.as_the_caller]
            url = "{api}"
            propagate = true

            {more}
            "#,
            socket = self.path("sidecar.sock"),
            id = self.registered.client_id(),
            secret = self.path(SECRET_FILE),
            token = self.path("caller.token"),
            issuer = self.passport.issuer(),
            audience = self.passport.audience(),
            api = self.api,
        )
    }

    /// Starts a sidecar with the configuration of [`Setup::config`], and waits until it serves.
    pub(crate) async fn sidecar(&self) -> SidecarProcess {
        self.sidecar_with("").await
    }

    /// Starts a sidecar with `more` appended to its configuration, and waits until it serves.
    pub(crate) async fn sidecar_with(&self, more: &str) -> SidecarProcess {
        self.start(&self.config(more)).serves().await
    }

    /// Starts another sidecar, with an empty token cache: at the same socket, or at another one if
    /// the socket is in use.
    pub(crate) async fn sidecar_again(&self) -> SidecarProcess {
        let config = self.config("");
        let socket = self.folder.path().join("sidecar.sock");
        let taken = std::os::unix::net::UnixStream::connect(&socket).is_ok();
        let (config, socket) = if taken {
            let another = self.folder.path().join("another.sock");
            (config.replace("sidecar.sock", "another.sock"), another)
        } else {
            (config, socket)
        };
        SidecarProcess { socket, ..self.start(&config) }.serves().await
    }

    /// Starts a sidecar without waiting until it serves.
    pub(crate) fn start(&self, config: &str) -> SidecarProcess {
        let mut logs = (0..).map(|number| self.folder.path().join(format!("sidecar.{number}.log")));
        let log = logs.find(|log| !log.exists()).unwrap();
        let file = Stdio::from(fs::File::create(&log).unwrap());
        SidecarProcess { log, ..self.start_logging_to(config, file) }
    }

    /// Starts a sidecar that logs to `log`, without waiting until it serves.
    pub(crate) fn start_logging_to(&self, config: &str, log: Stdio) -> SidecarProcess {
        let path = self.folder.path().join("sidecar.toml");
        fs::write(&path, config).unwrap();
        let mut command = self.command();
        command
            .arg("--config")
            .arg(&path)
            .env("RUST_LOG", "info,passport=debug")
            .envs(self.variables.iter().copied());
        let process = command.stderr(log).kill_on_drop(true).spawn().unwrap();
        let socket = self.folder.path().join("sidecar.sock");
        SidecarProcess { process, socket, tcp: 0, admin: 0, log: PathBuf::new() }
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_passport-sidecar");
        let Some(open_files) = self.open_files else { return Command::new(program) };
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {open_files}; exec \"$0\" \"$@\""), program]);
        shell
    }
}

impl SidecarProcess {
    /// Waits until the sidecar serves, and reads the ports from its log.
    pub(crate) async fn serves(mut self) -> Self {
        let started = eventually(async || {
            let log = self.logged();
            let started = log.lines().find(|line| line.contains("listening on "));
            started.map(str::to_owned).ok_or_else(|| format!("the sidecar does not start: {log}"))
        });
        let started = started.await;
        let port = |name: &str| {
            let (_, address) = started.split_once(&format!(" {name}=127.0.0.1:"))?;
            address.split(' ').next()?.parse().ok()
        };
        self.tcp = port("tcp").unwrap_or_default();
        self.admin = port("admin").unwrap_or_default();
        self
    }

    /// Requests `path` from the admin listener, and returns the status and the body of the
    /// response.
    pub(crate) async fn admin(&self, path: &str) -> Option<(u16, String)> {
        let response = plain().get(format!("http://127.0.0.1:{}{path}", self.admin)).send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    /// Returns what the sidecar has logged so far.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Returns a client of the Unix socket that sends the required header.
    pub(crate) fn unix(&self) -> reqwest::Client {
        marked().unix_socket(self.socket.as_path()).build().unwrap()
    }

    /// Waits until the metrics contain `line`.
    pub(crate) async fn has(&self, line: &str) {
        eventually(async || {
            let (_, metrics) = self.admin("/metrics").await.unwrap();
            let found = metrics.lines().any(|metric| metric == line);
            found.then_some(()).ok_or_else(|| format!("{line} is not in {metrics}"))
        })
        .await;
    }

    /// Waits until the TCP listener is closed, by connecting to it repeatedly.
    pub(crate) fn listener_closed(&self) -> impl Future<Output = ()> + use<> {
        let port = self.tcp;
        eventually(async move || match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(_) => Err("the listener is open".to_owned()),
            Err(_) => Ok(()),
        })
    }

    /// Returns the peak memory of the process in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Returns the current memory of the process in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Returns the URL of `path` on TCP.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.tcp)
    }

    /// Sends `signal` to the sidecar process.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id().unwrap()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Waits until the process exits with success, and returns its log.
    pub(crate) async fn log_after_exit(mut self) -> String {
        let status = tokio::time::timeout(Duration::from_secs(30), self.process.wait()).await;
        assert!(status.expect("the process exits").unwrap().success(), "{}", self.logged());
        self.logged()
    }
}

/// Returns the builder of a client that sends the required header.
pub(crate) fn marked() -> reqwest::ClientBuilder {
    let headers = HeaderMap::from_iter([("passport-sidecar".parse().unwrap(), "true".parse().unwrap())]);
    client_builder().default_headers(headers)
}

/// Parses the body of `response` as JSON.
pub(crate) async fn json(response: reqwest::Response) -> Value {
    response.json().await.unwrap()
}

/// Starts an API that responds with a description of the caller and the request, as JSON.
async fn api(passport: &DevPassport) -> String {
    let echo = any(|request: axum::extract::Request| async move {
        let caller = request.extensions().get::<IdInfo>().unwrap().display_name().to_owned();
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let headers: Vec<_> = parts.headers.keys().map(|name| name.as_str().to_owned()).collect();
        axum::Json(serde_json::json!({
            "caller": caller, "method": parts.method.as_str(), "uri": parts.uri.to_string(),
            "headers": headers, "bytes": body.len(),
        }))
    });
    let router = Router::new().route("/{*path}", echo).layer(AuthenticateLayer::new(verifier(passport)));
    serve(router.layer(axum::extract::DefaultBodyLimit::disable())).await
}

/// Returns the permission bits of the file at `path`.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
