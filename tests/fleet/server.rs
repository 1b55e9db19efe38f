//! Redis servers that a test starts, hurts, and takes away again.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::time::Instant;

/// A server of its own folder and port. It ends with this value.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: TempDir,
    options: Vec<String>,
    process: Child,
}

impl Server {
    /// With what is told in `options`, as on the command line.
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), options).await
    }

    pub(crate) async fn start_in(folder: TempDir, options: &[&str]) -> Self {
        let port = free_port();
        let options = options.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let process = spawned(&folder, port, &options);
        let server = Self { port, folder, options, process };
        server.wait_until(&["PING"], |answer| answer.contains("PONG") || answer.contains("NOAUTH")).await;
        server
    }

    /// A sentinel, with the configuration at `config`, which it rewrites.
    pub(crate) async fn start_sentinel(folder: TempDir, config: &str) -> Self {
        let port = free_port();
        let process = Command::new("redis-server")
            .args([config, "--sentinel", "--port", &port.to_string(), "--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { port, folder, options: Vec::new(), process };
        server.wait_until(&["PING"], |answer| answer.contains("PONG")).await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `redis-cli` says.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        String::from_utf8_lossy(&self.cli_output(words).stdout).trim().to_owned()
    }

    /// The same, byte for byte but for the line break at the end.
    pub(crate) fn cli_output(&self, words: &[&str]) -> Output {
        let port = self.port.to_string();
        // A frozen server says nothing.
        let mut command = Command::new("timeout");
        command.args(["5", "redis-cli"]);
        if self.options.iter().any(|option| option == "--tls-port") {
            let path = |name: &str| self.folder.path().join(name).display().to_string();
            let (ca, certificate, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
            command.args(["--tls", "--cacert", &ca, "--cert", &certificate, "--key", &key]);
        }
        command.args(["-p", &port]).args(words).output().unwrap()
    }

    pub(crate) async fn wait_until(&self, words: &[&str], is_it: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while !is_it(&self.cli(words)) {
            assert!(began.elapsed() < Duration::from_secs(30), "{words:?}: {:?}", self.cli_output(words));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The number behind `name` in `INFO section`.
    pub(crate) fn info(&self, section: &str, name: &str) -> u64 {
        let info = self.cli(&["INFO", section]);
        let line = info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name} in {info}")).parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), signal).unwrap();
    }

    /// Without a word to its clients or its disk.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// On the same port, with what it was started with.
    pub(crate) async fn restart(&mut self) {
        self.process = spawned(&self.folder, self.port, &self.options);
        self.wait_until(&["PING"], |answer| answer.contains("PONG")).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawned(folder: &TempDir, port: u16, options: &[String]) -> Child {
    let (port, is_tls) = (port.to_string(), options.iter().any(|option| option == "--tls-port"));
    let mut command = Command::new("redis-server");
    if is_tls {
        let options = options.iter().map(|option| if option == "PORT" { &port } else { option });
        command.args(["--port", "0"]).args(options);
    } else {
        command.args(["--port", &port]).args(options);
    }
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed; `cargo xtask test` brings it")
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Where a file of this test's is.
pub(crate) fn written(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}
