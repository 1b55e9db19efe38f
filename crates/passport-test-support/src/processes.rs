//! Starts child processes, and waits for their output, their end, or a condition.

use std::{net::TcpListener, process::ExitStatus, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, sleep, timeout},
};

/// How long a test waits for a child process or a condition before it fails.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A child process that reads commands and writes responses, one per line. Dropping this value
/// kills the process.
#[derive(Debug)]
pub struct LineProcess {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl LineProcess {
    /// Starts `command` as a child process with piped standard input and output.
    pub fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output).lines() }
    }

    /// Writes a line to the standard input of the process.
    pub async fn send(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Waits for the next line of the standard output of the process, and returns it.
    pub async fn receive(&mut self) -> String {
        self.output.next_line().await.unwrap().expect("the process is running")
    }

    /// Kills the process with SIGKILL, which a process cannot handle. Waits until the process has
    /// ended.
    pub async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// Closes the standard input, which signals the process to end. Waits until the process has
    /// ended, at most 60 s, and returns its exit status.
    pub async fn finish(mut self) -> ExitStatus {
        drop(self.input);
        timeout(TIMEOUT, self.process.wait()).await.expect("the process ends").unwrap()
    }
}

/// Calls `poll` every 10 ms until `poll` returns `Ok`, and returns the value in this `Ok`. After
/// 60 s, fails the test. The message of the failure is the last `Err` of `poll`, which describes
/// the current state.
pub async fn eventually<T>(mut poll: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match poll().await {
            Ok(found) => return found,
            Err(state) => assert!(Instant::now() < deadline, "{state}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Returns a free loopback port, for a child process that cannot choose a port itself. The port
/// is not reserved: another process can bind it before the child process does.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
