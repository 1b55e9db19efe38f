use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

use tokio::{
    sync::{Mutex as Turn, Semaphore, oneshot},
    time::timeout,
};

/// How many files are accessed at a time in this process, as long as they answer.
const MAX_THREADS: usize = 16;

static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

/// How long a file waits for one of the threads. When they all hang, it gets one more.
const MAX_WAIT: Duration = Duration::from_millis(50);

/// Who accesses which file. Entries without a user are removed when a new one is added.
static TURNS: LazyLock<Mutex<HashMap<PathBuf, Weak<Turn<()>>>>> = LazyLock::new(Mutex::default);

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
        let turn = turn(path).lock_owned().await;
        let permit = timeout(MAX_WAIT, THREADS.acquire()).await;
        let (done, outcome) = oneshot::channel();
        thread::Builder::new().name("passport-file".to_owned()).spawn(move || {
            let result = work();
            drop((turn, permit));
            // The caller may be gone.
            let _ = done.send(result);
        })?;
        outcome.await.map_err(|_| io::Error::other("the thread that accessed it has panicked"))
    };
    timeout(limit, run).await.unwrap_or_else(|_| Err(hangs(limit)))
}

fn turn(path: &Path) -> Arc<Turn<()>> {
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(turn) = turns.get(path).and_then(Weak::upgrade) {
        return turn;
    }
    turns.retain(|_, turn| turn.strong_count() > 0);
    let turn = Arc::default();
    turns.insert(path.to_owned(), Arc::downgrade(&turn));
    turn
}

fn hangs(limit: Duration) -> io::Error {
    let text = format!(
        "the file did not answer within {} s; check that its file system is mounted and reachable",
        limit.as_secs_f32()
    );
    io::Error::new(io::ErrorKind::TimedOut, text)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn hung_file_has_one_thread_until_it_answers() {
        let path = Path::new("/hung/one");
        let (go_on, waits) = mpsc::channel::<()>();
        let hanging = move || waits.recv().is_ok();
        let error = on_file_thread(path, LIMIT, hanging).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        for _ in 0..50 {
            let second = on_file_thread(path, LIMIT, || panic!("a second thread"));
            let second: io::Result<()> = second.await;
            assert_eq!(second.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        tokio::time::resume();
        assert_eq!(on_file_thread(Path::new("/hung/other"), LIMIT, || 7).await.unwrap(), 7);
        drop(go_on);
        let long = Duration::from_secs(60);
        assert_eq!(on_file_thread(path, long, || 8).await.unwrap(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn hung_files_do_not_block_other_files() {
        let mut hanging = Vec::new();
        for number in 0..2 * MAX_THREADS {
            let (go_on, waits) = mpsc::channel::<()>();
            hanging.push(go_on);
            let path = format!("/hung/of/many/{number}");
            let hung = on_file_thread(Path::new(&path), LIMIT, move || waits.recv().is_ok()).await;
            assert_eq!(hung.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        tokio::time::resume();
        let path = Path::new("/healthy/beside/many");
        assert_eq!(on_file_thread(path, LIMIT, || 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn panic_of_the_work_is_an_error_and_frees_the_file() {
        let path = Path::new("/panics");
        let panics = on_file_thread(path, LIMIT, || panic!("on purpose"));
        let panics: io::Result<()> = panics.await;
        assert!(panics.unwrap_err().to_string().contains("panicked"));
        assert_eq!(on_file_thread(path, LIMIT, || 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn paths_without_a_user_are_forgotten() {
        for number in 0..100 {
            let path = format!("/forgotten/{number}");
            on_file_thread(Path::new(&path), LIMIT, || ()).await.unwrap();
        }
        let turns = TURNS.lock().unwrap();
        let kept = turns.keys().filter(|path| path.starts_with("/forgotten")).count();
        assert!(kept <= 2, "{kept}");
    }
}
