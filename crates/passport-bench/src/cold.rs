//! A minimal service as a process: it starts, makes one authenticated call, and ends. Each
//! contender has such a program, in the package `cold`, which links only what it uses.

use std::{
    fmt::Display,
    io::{BufRead, BufReader, Write},
    mem::ManuallyDrop,
    path::Path,
    process::{Command, Stdio, exit},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

use crate::{
    inbound,
    outbound::{self, DESTINATION, TokenEndpoint},
    site::{Site, bearer},
    subject::{Batch, Subject},
};

/// The pause after a call that was rejected because the contender fetches its keys in the
/// background.
const RETRY_AFTER: Duration = Duration::from_millis(1);

/// Authenticates one request, as the service in front of which `C` is. The arguments of the
/// program are the issuer and a token.
pub fn inbound<C: inbound::Contender>() {
    let [issuer, token] = arguments();
    let batch = Batch::of(Arc::new([bearer(&token)]), 1);
    let site = Site::in_another_process(issuer, token);
    report(async { until_accepted(C::protect(&site).await, batch).await });
}

/// Sends one request with a token, as the client that `C` is part of. The argument of the program
/// is the address of the token endpoint.
pub fn outbound<C: outbound::Contender>() {
    let [endpoint] = arguments();
    let endpoint = TokenEndpoint::in_another_process(endpoint.parse().expect("it is an address"));
    report(async { until_accepted(C::attach(&endpoint).await, Batch::to(DESTINATION, 1)).await });
}

fn arguments<const N: usize>() -> [String; N] {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    arguments.try_into().expect("the parent process passes all arguments")
}

/// Runs the service on the runtime that `#[tokio::main]` would build, prints the processor time of
/// the process in nanoseconds, and ends the process. The runtime is not shut down before that.
fn report(service: impl Future<Output = ()>) {
    let runtime = Runtime::new().expect("the runtime is built");
    runtime.block_on(service);
    let time = clock_gettime(ClockId::ProcessCPUTime);
    println!("{}", time.tv_sec * 1_000_000_000 + time.tv_nsec);
    std::io::stdout().flush().expect("the parent process reads the line");
    exit(0);
}

async fn until_accepted(subject: Subject, batch: Batch) {
    // A service lives on after its first call, so its end is not part of the measured time.
    let subject = ManuallyDrop::new(subject);
    for _ in 0..5_000 {
        if subject.run(batch.clone()).await.accepted == 1 {
            return;
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
    panic!("no call was accepted within 5 s");
}

/// The times of one start, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The time from the start of the process to the answer to its first authenticated call.
    pub wall: f64,
    /// The processor time of the process until then.
    pub processor: f64,
}

impl Start {
    /// Starts `program`, and waits until it has ended.
    ///
    /// # Panics
    ///
    /// If the program does not start, or no call was accepted.
    pub fn measured(program: &Path, arguments: &[impl Display]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let began = Instant::now();
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the program prints a line");
        let wall = began.elapsed().as_secs_f64() * 1e3;
        child.wait().expect("the program ends");
        let nanoseconds: f64 =
            line.trim().parse().unwrap_or_else(|_| panic!("{} printed {line:?}", program.display()));
        Self { wall, processor: nanoseconds / 1e6 }
    }
}
