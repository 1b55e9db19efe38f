//! A service that reads secrets, as a process of its own: `secret_reader.rs`.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

pub(crate) struct Reader {
    process: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
    /// All that it logs.
    log: NamedTempFile,
}

impl Reader {
    /// With nothing in its environment but `environment`.
    pub(crate) fn start(kind: &str, environment: &[(&str, &str)]) -> Self {
        let log = NamedTempFile::new().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_secret_reader"))
            .arg(kind)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (orders, reports) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, orders, reports: BufReader::new(reports).lines(), log }
    }

    /// What comes of reading the secret there.
    pub(crate) async fn read(&mut self, place: &str) -> Value {
        self.orders.write_all(format!("{place}\n").as_bytes()).await.unwrap();
        let report = timeout(Duration::from_secs(60), self.reports.next_line()).await;
        let report = report.expect("a read takes seconds").unwrap();
        serde_json::from_str(&report.expect("the reader is there")).unwrap()
    }

    pub(crate) async fn secret(&mut self, place: &str) -> String {
        let read = self.read(place).await;
        read["secret"].as_str().unwrap_or_else(|| panic!("{read}")).to_owned()
    }

    /// What kind of error comes of reading the secret there, and what it says.
    pub(crate) async fn error(&mut self, place: &str) -> (String, String) {
        let read = self.read(place).await;
        let text = |key: &str| read[key].as_str().unwrap_or_else(|| panic!("{read}")).to_owned();
        (text("kind"), text("error"))
    }

    /// Ends it, and looks at all that it has logged.
    pub(crate) async fn log(mut self) -> String {
        drop(self.orders);
        assert!(self.process.wait().await.unwrap().success());
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}
