//! The cache file of the signing keys. With this file, a service can start while its issuer is
//! down.

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

use super::{client::MAX_BODY, error::JwksCacheFileError};

/// The time limit for reading or writing the file. After that time, a refresh continues without
/// the file.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The file that stores an issuer's keys for the next start of the service.
#[derive(Clone, Debug)]
pub(crate) struct JwksCacheFile {
    pub(crate) path: PathBuf,
}

/// The content of the cache file.
#[derive(Debug)]
pub(crate) struct SavedKeys {
    /// When the issuer last sent or confirmed the keys.
    pub(crate) fetched_at: SystemTime,
    pub(crate) document: Bytes,
}

/// The JSON document in the file.
#[derive(Deserialize, Serialize)]
struct Content<'a> {
    issuer: &'a str,
    /// When the issuer last sent or confirmed the keys, in whole seconds since 1970.
    fetched_at: u64,
    #[serde(borrow)]
    jwks: &'a RawValue,
}

impl JwksCacheFile {
    /// Reads the keys of `issuer` from the file. Returns `None` if there is no file yet. Returns an
    /// error if the file has the keys of another issuer.
    pub(crate) async fn load(&self, issuer: &str) -> Result<Option<SavedKeys>, JwksCacheFileError> {
        let (path, issuer) = (self.path.clone(), issuer.to_owned());
        self.with_timeout(move || match read(&path) {
            Ok(content) => decode(&content, &issuer).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    /// Replaces the content of the file atomically.
    pub(crate) async fn save(&self, issuer: &str, keys: SavedKeys) -> Result<(), JwksCacheFileError> {
        let (path, issuer) = (self.path.clone(), issuer.to_owned());
        self.with_timeout(move || Ok(replace(&path, &encode(&issuer, &keys)?)?)).await
    }

    /// Runs `work` on a thread for file access. Returns an error if `work` takes longer than
    /// [`TIMEOUT`].
    async fn with_timeout<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, JwksCacheFileError> + Send + 'static,
    ) -> Result<T, JwksCacheFileError> {
        match on_file_thread(&self.path, TIMEOUT, work).await {
            Ok(result) => result,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(JwksCacheFileError::TimedOut),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads a regular file, up to the maximum size of a saved file. Other types of files are
/// rejected, because opening a pipe would wait until another process opens the other end of the
/// pipe.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    fs::File::open(path)?.take(2 * MAX_BODY as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// Writes a temporary file in the same folder, syncs the temporary file to the disk, and renames
/// it over the old file. The name of the temporary file is random, so that processes that share
/// the path do not write to the same temporary file.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{:016x}.tmp", fastrand::u64(..)));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Parses the content of the file. Returns an error if the keys are from another issuer than
/// `issuer`.
fn decode(content: &[u8], issuer: &str) -> Result<SavedKeys, JwksCacheFileError> {
    let content: Content<'_> =
        serde_json::from_slice(content).map_err(|_| JwksCacheFileError::InvalidContent)?;
    if content.issuer != issuer {
        return Err(JwksCacheFileError::OtherIssuer);
    }
    let fetched_at = UNIX_EPOCH.checked_add(Duration::from_secs(content.fetched_at));
    let document = Bytes::copy_from_slice(content.jwks.get().as_bytes());
    Ok(SavedKeys { fetched_at: fetched_at.ok_or(JwksCacheFileError::InvalidContent)?, document })
}

/// Serializes the content of the file.
fn encode(issuer: &str, keys: &SavedKeys) -> Result<Vec<u8>, JwksCacheFileError> {
    let jwks = serde_json::from_slice(&keys.document).map_err(|_| JwksCacheFileError::InvalidContent)?;
    let fetched_at = keys.fetched_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    serde_json::to_vec(&Content { issuer, fetched_at, jwks }).map_err(|_| JwksCacheFileError::InvalidContent)
}

#[cfg(test)]
mod tests;
