use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore, oneshot},
    time::timeout,
};

/// The maximum number of files that this process accesses concurrently. Each of these accesses
/// has a permit. The maximum is exceeded only by calls that have waited [`MAX_WAIT`] for a
/// permit.
const MAX_THREADS: usize = 16;

static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

/// How long a call waits for one of the [`MAX_THREADS`] permits. After this time, the call
/// starts its thread without a permit, because it is possible that all running threads access
/// files that hang.
const MAX_WAIT: Duration = Duration::from_millis(50);

/// A lock for each path in use, so that only one thread at a time accesses the path. When a lock
/// is added, the locks of paths that are no longer in use are removed.
static PATH_LOCKS: LazyLock<Mutex<HashMap<PathBuf, Weak<AsyncMutex<()>>>>> = LazyLock::new(Mutex::default);

/// Runs `work`, which does blocking I/O on the file at `path`, on a separate thread, and waits
/// at most `limit` for the result.
///
/// Access to a file can block forever if its file system does not respond. Therefore the thread
/// does not belong to the tokio runtime: a runtime waits for its blocking threads when it shuts
/// down.
///
/// There is at most one thread per path. While a file hangs, later calls for the same path wait
/// for the thread of the first call, and start no other thread. Calls succeed again as soon as
/// the file system responds.
///
/// Up to 16 threads, for different paths, start without delay. A further call waits up to 50 ms
/// for another thread to finish, and then starts its thread anyway. So files that hang delay
/// calls for other files by at most 50 ms.
///
/// # Errors
/// - [`TimedOut`](io::ErrorKind::TimedOut) when `work` has not finished within `limit`, or could
///   not start because an earlier call for `path` still runs.
/// - Another kind of error when no thread could be started, or `work` has panicked.
///
/// # Panics
/// When it is called outside of a tokio runtime with time enabled.
///
/// # Cancel safety
/// If this future is dropped while `work` runs, `work` continues and its result is discarded. If
/// the future is dropped before `work` has started, `work` does not run.
pub async fn on_file_thread<T: Send + 'static>(
    path: &Path,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let run = async {
        let lock = path_lock(path).lock_owned().await;
        let permit = timeout(MAX_WAIT, THREADS.acquire()).await;
        let (done, outcome) = oneshot::channel();
        thread::Builder::new().name("passport-file".to_owned()).spawn(move || {
            let result = work();
            drop((lock, permit));
            // Fails if the caller has dropped its future.
            let _ = done.send(result);
        })?;
        outcome.await.map_err(|_| io::Error::other("the thread that accessed the file has panicked"))
    };
    timeout(limit, run).await.unwrap_or_else(|_| Err(timed_out(limit)))
}

fn path_lock(path: &Path) -> Arc<AsyncMutex<()>> {
    let mut locks = PATH_LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lock) = locks.get(path).and_then(Weak::upgrade) {
        return lock;
    }
    locks.retain(|_, lock| lock.strong_count() > 0);
    let lock = Arc::default();
    locks.insert(path.to_owned(), Arc::downgrade(&lock));
    lock
}

fn timed_out(limit: Duration) -> io::Error {
    let text = format!(
        "the file system did not respond within {} s; check that it is mounted and reachable",
        limit.as_secs_f32()
    );
    io::Error::new(io::ErrorKind::TimedOut, text)
}

#[cfg(test)]
mod tests;
