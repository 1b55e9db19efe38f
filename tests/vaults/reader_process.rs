//! A service that reads secrets, as a child process (`secret_reader.rs`).

use std::{process::Stdio, time::Duration};

use passport_test_support::processes::LineProcess;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{process::Command, time::timeout};

pub(crate) struct ReaderProcess {
    process: LineProcess,
    log: NamedTempFile,
}

impl ReaderProcess {
    /// Starts the process with no environment variables other than `environment`.
    pub(crate) fn start(kind: &str, environment: &[(&str, &str)]) -> Self {
        let log = NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_secret_reader"));
        command.arg(kind).env_clear().envs(environment.iter().copied());
        command.stderr(Stdio::from(log.reopen().unwrap()));
        Self { process: LineProcess::spawn(&mut command), log }
    }

    /// Reads the secret with this reference, and returns the report.
    pub(crate) async fn read(&mut self, reference: &str) -> Value {
        self.process.send(reference).await;
        let report = timeout(Duration::from_secs(60), self.process.receive()).await;
        serde_json::from_str(&report.expect("a read takes seconds")).unwrap()
    }

    pub(crate) async fn secret(&mut self, reference: &str) -> String {
        let read = self.read(reference).await;
        read["secret"].as_str().unwrap_or_else(|| panic!("{read}")).to_owned()
    }

    /// Reads the secret with this reference, and returns the kind and the text of the error.
    pub(crate) async fn error(&mut self, reference: &str) -> (String, String) {
        let read = self.read(reference).await;
        let text = |key: &str| read[key].as_str().unwrap_or_else(|| panic!("{read}")).to_owned();
        (text("kind"), text("error"))
    }

    /// Ends the process, and returns everything that it logged.
    pub(crate) async fn log(self) -> String {
        assert!(self.process.finish().await.success());
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}
