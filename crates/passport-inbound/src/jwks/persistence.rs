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
    pub(crate) path: PathBuf,
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

/// Reads a regular file, up to the size that can have been saved: opening a pipe waits for its
/// other end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    fs::File::open(path)?.take(2 * MAX_BODY as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// Writes a new file beside the old one, syncs it, and renames it. Processes that share the path
/// each have a new file of their own.
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
mod tests;
