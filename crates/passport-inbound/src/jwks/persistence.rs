//! Saves keys in a file, so that a service can start while its issuer is down.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use passport_core::on_file_thread;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{client::MAX_BODY, error::KeyFileError};

/// The longest that reading or writing the file takes.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The file that holds an issuer's keys between runs.
#[derive(Clone, Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
}

/// What the file holds.
#[derive(Debug)]
pub(crate) struct SavedKeys {
    pub(crate) fetched_at: SystemTime,
    pub(crate) document: Bytes,
}

#[derive(Deserialize, Serialize)]
struct Content<'a> {
    issuer: &'a str,
    /// In whole seconds since 1970.
    fetched_at: u64,
    #[serde(borrow)]
    jwks: &'a RawValue,
}

impl KeyFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the keys of `issuer`. Returns `None` if there is no file yet.
    pub(crate) async fn load(&self, issuer: &str) -> Result<Option<SavedKeys>, KeyFileError> {
        let (path, issuer) = (self.path.clone(), issuer.to_owned());
        self.in_time(move || match read(&path) {
            Ok(content) => decode(&content, &issuer).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    /// Replaces the file atomically.
    pub(crate) async fn save(&self, issuer: &str, keys: SavedKeys) -> Result<(), KeyFileError> {
        let (path, issuer) = (self.path.clone(), issuer.to_owned());
        self.in_time(move || Ok(replace(&path, &encode(&issuer, &keys)?)?)).await
    }

    async fn in_time<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, KeyFileError> + Send + 'static,
    ) -> Result<T, KeyFileError> {
        match on_file_thread(&self.path, TIMEOUT, work).await {
            Ok(result) => result,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(KeyFileError::Hangs),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads a regular file, up to the size that can have been saved: opening a pipe waits for its other
/// end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    fs::File::open(path)?.take(2 * MAX_BODY as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// Writes a new file beside the old one, syncs it, and renames it. Processes that share the path each
/// have a new file of their own.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let own = path.with_extension(format!("{:016x}.tmp", fastrand::u64(..)));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&own)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&own, path));
    if written.is_err() {
        let _ = fs::remove_file(&own);
    }
    written
}

fn decode(content: &[u8], issuer: &str) -> Result<SavedKeys, KeyFileError> {
    let content: Content<'_> = serde_json::from_slice(content).map_err(|_| KeyFileError::Unreadable)?;
    if content.issuer != issuer {
        return Err(KeyFileError::OtherIssuer);
    }
    let fetched_at = UNIX_EPOCH.checked_add(Duration::from_secs(content.fetched_at));
    let document = Bytes::copy_from_slice(content.jwks.get().as_bytes());
    Ok(SavedKeys { fetched_at: fetched_at.ok_or(KeyFileError::Unreadable)?, document })
}

fn encode(issuer: &str, keys: &SavedKeys) -> Result<Vec<u8>, KeyFileError> {
    let jwks = serde_json::from_slice(&keys.document).map_err(|_| KeyFileError::Unreadable)?;
    let fetched_at = keys.fetched_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    serde_json::to_vec(&Content { issuer, fetched_at, jwks }).map_err(|_| KeyFileError::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(document: &'static str) -> SavedKeys {
        let fetched_at = UNIX_EPOCH + Duration::from_secs(1_750_000_000);
        SavedKeys { fetched_at, document: Bytes::from_static(document.as_bytes()) }
    }

    #[tokio::test]
    async fn what_was_saved_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        assert!(file.load("i").await.unwrap().is_none());
        for document in [r#"{"keys":[]}"#, r#"{"keys": [1]}"#] {
            file.save("i", keys(document)).await.unwrap();
            let saved = file.load("i").await.unwrap().unwrap();
            assert_eq!((saved.document, saved.fetched_at), (Bytes::from(document), keys("").fetched_at));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[tokio::test]
    async fn keys_of_another_issuer_are_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        file.save("https://a", keys("{}")).await.unwrap();
        assert!(matches!(file.load("https://a/").await, Err(KeyFileError::OtherIssuer)));
    }

    #[tokio::test]
    async fn what_is_no_key_file_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        for content in ["", "{}", r#"{"keys":[]}"#, r#"{"issuer":"i","fetched_at":-1,"jwks":{}}"#] {
            fs::write(&path, content).unwrap();
            assert!(
                matches!(KeyFile::new(path.clone()).load("i").await, Err(KeyFileError::Unreadable)),
                "{content}"
            );
        }
        fs::write(&path, r#"{"issuer":"i","fetched_at":18446744073709551615,"jwks":{}}"#).unwrap();
        assert!(KeyFile::new(path).load("i").await.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert!(matches!(KeyFile::new(path).load("i").await, Err(KeyFileError::Io(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_hangs_costs_a_second_and_a_thread_until_it_answers() {
        let file = KeyFile::new(PathBuf::from("keys.json"));
        let (go_on, waits) = std::sync::mpsc::channel::<()>();
        let (ended, has_ended) = std::sync::mpsc::channel::<()>();
        let hanging = move || {
            let _ended = ended;
            Ok(waits.recv().is_ok())
        };
        assert!(matches!(file.in_time(hanging).await, Err(KeyFileError::Hangs)));
        let meanwhile = file.in_time(|| -> Result<(), _> { panic!("there is no second thread") }).await;
        assert!(matches!(meanwhile, Err(KeyFileError::Hangs)));
        tokio::time::resume();
        drop(go_on);
        let _ = has_ended.recv();
        assert!(file.in_time(|| Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_to_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("missing").join("keys.json"));
        assert!(matches!(file.save("i", keys("{}")).await, Err(KeyFileError::Io(_))));
    }
}
