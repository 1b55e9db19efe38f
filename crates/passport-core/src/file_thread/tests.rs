use std::sync::mpsc;

use super::*;

const LIMIT: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn hung_file_occupies_one_thread() {
    let path = Path::new("/hung/one");
    let (unblock, blocked) = mpsc::channel::<()>();
    let hanging = move || blocked.recv().is_ok();
    let error = on_file_thread(path, LIMIT, hanging).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    for _ in 0..50 {
        let second = on_file_thread(path, LIMIT, || panic!("a second thread"));
        let second: io::Result<()> = second.await;
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
    tokio::time::resume();
    assert_eq!(on_file_thread(Path::new("/hung/other"), LIMIT, || 7).await.unwrap(), 7);
    drop(unblock);
    let long = Duration::from_secs(60);
    assert_eq!(on_file_thread(path, long, || 8).await.unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn hung_files_do_not_block_other_files() {
    let mut hanging = Vec::new();
    for number in 0..2 * MAX_THREADS {
        let (unblock, blocked) = mpsc::channel::<()>();
        hanging.push(unblock);
        let path = format!("/hung/of/many/{number}");
        let hung = on_file_thread(Path::new(&path), LIMIT, move || blocked.recv().is_ok()).await;
        assert_eq!(hung.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
    tokio::time::resume();
    let path = Path::new("/healthy/beside/many");
    assert_eq!(on_file_thread(path, LIMIT, || 7).await.unwrap(), 7);
}

#[tokio::test]
async fn panic_is_an_error_and_unlocks_the_path() {
    let path = Path::new("/panics");
    let panics = on_file_thread(path, LIMIT, || panic!("on purpose"));
    let panics: io::Result<()> = panics.await;
    assert!(panics.unwrap_err().to_string().contains("panicked"));
    assert_eq!(on_file_thread(path, LIMIT, || 7).await.unwrap(), 7);
}

#[tokio::test]
async fn locks_of_unused_paths_are_removed() {
    for number in 0..100 {
        let path = format!("/unused/{number}");
        on_file_thread(Path::new(&path), LIMIT, || ()).await.unwrap();
    }
    let locks = PATH_LOCKS.lock().unwrap();
    let kept = locks.keys().filter(|path| path.starts_with("/unused")).count();
    assert!(kept <= 2, "{kept}");
}
