//! Captures the log lines of a test.

use std::{
    cell::RefCell,
    io,
    sync::{Arc, Mutex, Once},
};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    Layer, Registry,
    filter::dynamic_filter_fn,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

/// The captured log lines of a thread.
///
/// All tests of a process share one `tracing` subscriber. The subscriber writes each line to the
/// log of the thread that emitted the event. A separate subscriber for each test would affect
/// concurrent tests, because `tracing` caches for the whole process whether an event is enabled.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

thread_local! {
    /// The log of the current thread, and the lowest severity that the log captures.
    static CAPTURED: RefCell<Option<(Level, Log)>> = const { RefCell::new(None) };
}

impl Log {
    /// Starts to capture the events of the current thread with the severity `level` or higher.
    /// Returns the new log. If the thread already has a log, the previous log gets no further
    /// lines.
    pub fn listen(level: Level) -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let writer = fmt::layer().with_ansi(false).with_writer(CurrentLog);
            let filter = dynamic_filter_fn(|metadata, _| is_captured(metadata));
            let subscriber = Registry::default().with(writer.with_filter(filter));
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        let log = Self::default();
        CAPTURED.set(Some((level, log.clone())));
        log
    }

    /// Returns the captured lines that contain `part`.
    pub fn lines_with(&self, part: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }

    /// Returns all captured lines.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Runs `work`. Returns the log lines of the current thread, of every level and every crate,
/// followed by the output of `work`. If the tokio runtime has one thread, the lines of tasks
/// that `work` spawns are included.
pub async fn traced(work: impl Future<Output = String>) -> String {
    let log = Log::listen(Level::TRACE);
    let output = work.await;
    CAPTURED.take();
    format!("{}\n{output}", log.text())
}

/// Returns whether the log of the current thread captures events with the level of `metadata`.
/// Returns false if the thread has no log.
fn is_captured(metadata: &Metadata<'_>) -> bool {
    CAPTURED.with_borrow(|captured| captured.as_ref().is_some_and(|(level, _)| metadata.level() <= level))
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer factory for `tracing`. It returns the log of the current thread, or an unused log if
/// the thread has none.
struct CurrentLog;

impl MakeWriter<'_> for CurrentLog {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        CAPTURED.with_borrow(|captured| captured.as_ref().map(|(_, log)| log.clone())).unwrap_or_default()
    }
}
