//! Child processes, and what tests observe of them.

use std::{net::TcpListener, process::ExitStatus, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, sleep, timeout},
};

/// The longest that a test waits for another process.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child process that reads commands and writes replies, a line each. It ends with this value.
#[derive(Debug)]
pub struct LineProcess {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl LineProcess {
    /// Starts `command`.
    pub fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output).lines() }
    }

    /// Writes a line to the standard input.
    pub async fn send(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Reads the next line of the standard output.
    pub async fn receive(&mut self) -> String {
        self.output.next_line().await.unwrap().expect("the process runs")
    }

    /// Kills the process, without a signal that it could handle.
    pub async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// Closes the standard input, and waits for the end of the process.
    pub async fn finish(mut self) -> ExitStatus {
        drop(self.input);
        timeout(PATIENCE, self.process.wait()).await.expect("the process ends").unwrap()
    }
}

/// Polls the state of another process for 60 s at most. The error of `poll` is the state that it
/// found.
pub async fn eventually<T>(mut poll: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match poll().await {
            Ok(found) => return found,
            Err(state) => assert!(Instant::now() < deadline, "{state}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Returns a loopback port that is free at the moment, for a process that cannot choose one itself.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
