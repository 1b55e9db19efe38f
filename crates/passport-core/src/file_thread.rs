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

/// How many files are accessed at a time in this process, as long as they answer.
const MAX_THREADS: usize = 16;

static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

/// How long a file waits for one of the threads. When they all hang, it gets one more.
const MAX_WAIT: Duration = Duration::from_millis(50);

/// Who accesses which file. Entries without a user are removed when a new one is added.
static PATH_LOCKS: LazyLock<Mutex<HashMap<PathBuf, Weak<AsyncMutex<()>>>>> = LazyLock::new(Mutex::default);

/// Runs `work`, which blocks on the file at `path`, on a thread of its own for at most `limit`.
///
/// A file on a mount that does not answer can block for ever, and a runtime that shuts down waits
/// for its own blocking threads. So this thread does not belong to the runtime. There is at most
/// one thread for each path: while the file hangs, later calls for the same path wait for that
/// thread and start none. Once the file answers, the next call works again.
///
/// While 16 other files are being accessed, a call waits up to 50 ms for one of them to end, and
/// then starts a thread anyway. So files that hang delay the others by 50 ms at most.
///
/// Needs a tokio runtime with time enabled.
///
/// # Errors
/// [`TimedOut`](io::ErrorKind::TimedOut) when `work` has not ended, or could not begin, within
/// `limit`; another kind when no thread could be started, or `work` has panicked.
///
/// # Cancel safety
/// When this future is dropped, `work` continues, and its result is dropped.
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
            // The caller may be gone.
            let _ = done.send(result);
        })?;
        outcome.await.map_err(|_| io::Error::other("the thread that accessed it has panicked"))
    };
    timeout(limit, run).await.unwrap_or_else(|_| Err(hangs(limit)))
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

fn hangs(limit: Duration) -> io::Error {
    let text = format!(
        "the file did not answer within {} s; check that its file system is mounted and reachable",
        limit.as_secs_f32()
    );
    io::Error::new(io::ErrorKind::TimedOut, text)
}

#[cfg(test)]
mod tests;
