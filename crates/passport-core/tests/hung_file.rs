//! A secret file on a file system that hangs. A pipe without a writer blocks like a dead mount.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use passport_core::{SecretErrorKind, SecretSource};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

fn pipe() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    (folder, path)
}

fn source(path: &Path) -> SecretSource {
    SecretSource::file(path.to_str().unwrap())
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn write(path: &Path, content: &str) {
    OpenOptions::new().write(true).open(path).unwrap().write_all(content.as_bytes()).unwrap();
}

/// A single test, because it counts the threads of the whole process.
#[test]
fn hung_file_occupies_one_thread_until_it_responds() {
    let (_folder, path) = pipe();
    let threads_before = threads();
    let runtime = paused();
    runtime.block_on(async {
        for _ in 0..50 {
            let error = source(&path).resolve().await.unwrap_err();
            assert_eq!(error.kind(), SecretErrorKind::Unavailable);
            let message = error.to_string();
            assert!(message.contains(path.to_str().unwrap()) && message.contains("within 5 s"), "{message}");
        }
    });
    assert_eq!(threads(), threads_before + 1);

    let (ended, has_ended) = mpsc::channel();
    let shutdown = thread::spawn(move || {
        drop(runtime);
        ended.send(()).unwrap();
    });
    has_ended.recv_timeout(Duration::from_secs(1)).expect("the runtime ends while the file hangs");
    shutdown.join().unwrap();

    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (other_folder, other) = (tempfile::tempdir().unwrap(), "other\n");
    fs::write(other_folder.path().join("secret"), other).unwrap();
    let other = runtime.block_on(source(&other_folder.path().join("secret")).resolve()).unwrap();
    assert_eq!(other.secret().expose(), "other", "another file is not delayed");

    write(&path, "too late");
    while threads() > threads_before {
        thread::yield_now();
    }
    let writer = {
        let path = path.clone();
        thread::spawn(move || write(&path, "s3cret\n"))
    };
    let read = runtime.block_on(source(&path).resolve()).unwrap();
    assert_eq!(read.secret().expose(), "s3cret");
    writer.join().unwrap();
}
