//! Instances of a service as processes of their own, which end with the test.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

pub(crate) struct Worker {
    process: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
}

/// How some calls went.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub(crate) struct Report {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) longest_ms: f64,
    pub(crate) first_error: Option<String>,
}

impl Worker {
    pub(crate) async fn start(setup: &Value) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_fleet_worker"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (orders, reports) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut worker = Self { process, orders, reports: BufReader::new(reports).lines() };
        worker.say(&setup.to_string()).await;
        assert_eq!(worker.hear().await, "ready");
        worker
    }

    async fn say(&mut self, line: &str) {
        self.orders.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> String {
        self.reports.next_line().await.unwrap().expect("the worker is there")
    }

    /// Tells it to make `count` calls at once; [`Worker::report`] waits for them.
    pub(crate) async fn begin_calls(&mut self, count: u64) {
        self.say(&format!("calls {count}")).await;
    }

    /// Tells it to make a call every `each` for as long as `whole`.
    pub(crate) async fn begin_load(&mut self, whole: Duration, each: Duration) {
        self.say(&format!("load {} {}", whole.as_millis(), each.as_millis())).await;
    }

    pub(crate) async fn report(&mut self) -> Report {
        serde_json::from_str(&self.hear().await).unwrap()
    }

    /// As the kernel does when memory is short: without a word.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// Several of them.
pub(crate) struct Fleet(pub(crate) Vec<Worker>);

impl Fleet {
    pub(crate) async fn start(size: usize, setup: &Value) -> Self {
        let workers = (0..size).map(|_| Worker::start(setup));
        Self(futures_util::future::join_all(workers).await)
    }

    pub(crate) async fn calls(&mut self, each: u64) -> Report {
        for worker in &mut self.0 {
            worker.begin_calls(each).await;
        }
        self.report().await
    }

    pub(crate) async fn begin_load(&mut self, whole: Duration, each: Duration) {
        for worker in &mut self.0 {
            worker.begin_load(whole, each).await;
        }
    }

    /// How it went for all.
    pub(crate) async fn report(&mut self) -> Report {
        let mut all = Report::default();
        for worker in &mut self.0 {
            let report = worker.report().await;
            all.succeeded += report.succeeded;
            all.failed += report.failed;
            all.longest_ms = all.longest_ms.max(report.longest_ms);
            all.first_error = all.first_error.or(report.first_error);
        }
        all
    }
}
