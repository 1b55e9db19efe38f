//! Captures what is logged.

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

/// What is logged on a thread, as text.
///
/// All tests of a process share one subscriber, which writes each line to the log that is captured
/// on its thread. Subscribers of single tests would change what concurrent tests log, because
/// `tracing` caches whether an event is wanted.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

thread_local! {
    static CAPTURED: RefCell<Option<(Level, Log)>> = const { RefCell::new(None) };
}

impl Log {
    /// Captures what is logged on this thread from now on, up to `level`.
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

    /// Returns the lines that contain `part`.
    pub fn lines_with(&self, part: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Runs `work` and returns all that was logged on this thread, at every level and by every crate,
/// and the output of `work`. The tasks that `work` spawns are covered if its runtime has one thread.
pub async fn traced(work: impl Future<Output = String>) -> String {
    let log = Log::listen(Level::TRACE);
    let output = work.await;
    CAPTURED.take();
    format!("{}\n{output}", log.text())
}

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

/// Writes to the log that is captured on the thread.
struct CurrentLog;

impl MakeWriter<'_> for CurrentLog {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        CAPTURED.with_borrow(|captured| captured.as_ref().map(|(_, log)| log.clone())).unwrap_or_default()
    }
}
