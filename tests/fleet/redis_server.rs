//! Redis servers that a test starts, disturbs and stops.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use passport_test_support::processes::{eventually, free_port};
use tempfile::TempDir;

/// A Redis server with a folder and a port. It is stopped when the value is dropped.
pub(crate) struct RedisServer {
    pub(crate) port: u16,
    folder: TempDir,
    options: Vec<String>,
    process: Child,
}

impl RedisServer {
    /// Starts a server with `options` of the command line.
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), options).await
    }

    pub(crate) async fn start_in(folder: TempDir, options: &[&str]) -> Self {
        let port = free_port();
        let options = options.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let process = spawn(&folder, port, &options);
        let server = Self { port, folder, options, process };
        server.wait_until(&["PING"], |answer| answer.contains("PONG") || answer.contains("NOAUTH")).await;
        server
    }

    /// Starts a sentinel with the configuration at `config`, which it rewrites.
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

    /// Returns the output of `redis-cli`.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        String::from_utf8_lossy(&self.cli_output(words).stdout).trim().to_owned()
    }

    /// Returns the raw output of `redis-cli`.
    pub(crate) fn cli_output(&self, words: &[&str]) -> Output {
        let port = self.port.to_string();
        // A stopped server does not respond.
        let mut command = Command::new("timeout");
        command.args(["5", "redis-cli"]);
        if self.options.iter().any(|option| option == "--tls-port") {
            let path = |name: &str| self.folder.path().join(name).display().to_string();
            let (ca, certificate, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
            command.args(["--tls", "--cacert", &ca, "--cert", &certificate, "--key", &key]);
        }
        command.args(["-p", &port]).args(words).output().unwrap()
    }

    /// Polls `redis-cli` until its output is as expected.
    pub(crate) async fn wait_until(&self, words: &[&str], is_expected: impl Fn(&str) -> bool) {
        eventually(async || {
            let output = self.cli(words);
            is_expected(&output)
                .then_some(())
                .ok_or_else(|| format!("{words:?}: {:?}", self.cli_output(words)))
        })
        .await;
    }

    /// Returns the number after `name` in `INFO section`.
    pub(crate) fn info(&self, section: &str, name: &str) -> u64 {
        let info = self.cli(&["INFO", section]);
        let line = info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name} in {info}")).parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), signal).unwrap();
    }

    /// Kills the server with a signal that it cannot handle.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts the server again, with the same port and options.
    pub(crate) async fn restart(&mut self) {
        self.process = spawn(&self.folder, self.port, &self.options);
        self.wait_until(&["PING"], |answer| answer.contains("PONG")).await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &TempDir, port: u16, options: &[String]) -> Child {
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

/// Writes a file, and returns its path.
pub(crate) fn write_file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}
