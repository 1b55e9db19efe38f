//! An instance of a service, as a child process.

use std::{
    error::Error,
    io::{BufRead, BufReader, Write, stdin, stdout},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::{
    outbound::{DESTINATION, REDIS, TokenEndpoint, in_a_fleet},
    rig::runtime_here,
    subject::Batch,
};

/// The number of concurrent callers of each process.
pub const CALLERS: usize = 100;

/// The results of the callers of one process.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Report {
    pub failed: usize,
    pub longest: Duration,
}

/// Waits for a line on standard input, makes the calls through `name`, and prints a report.
///
/// # Errors
///
/// If there is no such contender, or a pipe fails.
pub fn work(name: &str, endpoint: SocketAddr) -> Result<(), Box<dyn Error>> {
    runtime_here().block_on(async {
        let endpoint = TokenEndpoint::in_another_process(endpoint);
        let entry =
            in_a_fleet().into_iter().find(|entry| entry.name == name).ok_or("there is no such contender")?;
        let subject = (entry.attach)(&endpoint).await;
        println!("ready");
        stdin().read_line(&mut String::new())?;
        let calls = (0..CALLERS).map(|_| async {
            let began = Instant::now();
            (subject.run(Batch::to(DESTINATION, 1)).await.accepted, began.elapsed())
        });
        let calls = join_all(calls).await;
        let report = Report {
            failed: calls.iter().filter(|(accepted, _)| *accepted == 0).count(),
            longest: calls.iter().map(|(_, took)| *took).max().unwrap_or_default(),
        };
        println!("{}", serde_json::to_string(&report)?);
        Ok(stdout().flush()?)
    })
}

/// The parent's handle of such a process. The process is killed when the value is dropped.
#[derive(Debug)]
pub struct Worker {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts a process and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If the process does not start.
    pub fn start(name: &str, endpoint: SocketAddr, redis: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("the path of this program is known"))
            .args(["--fleet", name, "--endpoint", &endpoint.to_string()])
            .env(REDIS, redis)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the process starts");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut worker = Self { process, stdout };
        assert_eq!(worker.line(), "ready");
        worker
    }

    /// Starts the calls.
    ///
    /// # Panics
    ///
    /// If the process has ended.
    pub fn go(&mut self) {
        let stdin = self.process.stdin.as_mut().expect("it is piped");
        stdin.write_all(b"go\n").expect("the process reads its input");
    }

    /// Returns the report.
    ///
    /// # Panics
    ///
    /// If the process has ended.
    pub fn report(&mut self) -> Report {
        serde_json::from_str(&self.line()).expect("the process prints a report")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the process runs");
        line.trim().to_owned()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
