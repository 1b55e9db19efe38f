//! Instances of a service as child processes (`worker.rs`). They are killed when the test ends.

use std::time::Duration;

use passport_test_support::processes::LineProcess;
use serde_json::Value;
use tokio::process::Command;

pub(crate) struct Worker(LineProcess);

/// The results of some calls.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub(crate) struct Report {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) longest_ms: f64,
    pub(crate) first_error: Option<String>,
}

impl Worker {
    pub(crate) async fn start(config: &Value) -> Self {
        let mut process = LineProcess::spawn(&mut Command::new(env!("CARGO_BIN_EXE_fleet_worker")));
        process.send(&config.to_string()).await;
        assert_eq!(process.receive().await, "ready");
        Self(process)
    }

    /// Starts `count` concurrent calls. [`Worker::report`] waits for them.
    pub(crate) async fn begin_calls(&mut self, count: u64) {
        self.0.send(&format!("calls {count}")).await;
    }

    /// Starts a call every `each`, for `whole`.
    pub(crate) async fn begin_load(&mut self, whole: Duration, each: Duration) {
        self.0.send(&format!("load {} {}", whole.as_millis(), each.as_millis())).await;
    }

    pub(crate) async fn report(&mut self) -> Report {
        serde_json::from_str(&self.0.receive().await).unwrap()
    }

    /// Kills the process, as the kernel does when memory is short.
    pub(crate) async fn kill(self) {
        self.0.kill().await;
    }
}

/// Several workers.
pub(crate) struct Fleet(pub(crate) Vec<Worker>);

impl Fleet {
    pub(crate) async fn start(size: usize, config: &Value) -> Self {
        let workers = (0..size).map(|_| Worker::start(config));
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

    /// Waits for the calls of all workers, and returns the sum of their reports.
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
