use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
    time::Duration,
};

use zeroize::Zeroizing;

use crate::on_file_thread;

use super::{ResolvedSecret, Secret, SecretError, SecretErrorKind, SecretProvider, SecretRef};

pub(super) const SCHEME: &str = "file";

/// The time limit for reading a secret file. This limit is shorter than the default limit of a
/// token fetch (10 s). So if the file system does not respond, the error names the file.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum size of a secret file, in bytes. A larger file is an error.
const MAX_SIZE: u64 = 1024 * 1024;

/// The provider for references `file:/path` (or `file:///path`). It reads the file at `/path`,
/// for example a secret that Kubernetes or a container platform mounts as a file.
///
/// The file is read at each use, so a rotated secret takes effect without a restart. If the file
/// system does not respond within 5 s, reading fails with [`SecretErrorKind::Unavailable`].
/// Until the file system responds, the file occupies one thread, even if it is read several
/// times.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSecrets;

impl SecretProvider for FileSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let path = match reference.path().strip_prefix("//") {
            Some(host) if !host.starts_with('/') => {
                return Err(SecretError::new(
                    SecretErrorKind::Unreadable,
                    reference.clone(),
                    "the reference names a host; write file:/path or file:///path",
                ));
            }
            Some(path) => path,
            None => reference.path(),
        };
        read(Path::new(path), reference).await
    }
}

/// Reads the secret from the file at `path`. Errors name `reference`.
pub(super) async fn read(path: &Path, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
    let own = path.to_owned();
    let read = on_file_thread(path, READ_TIMEOUT, move || content(&own)).await;
    match read.and_then(|content| content) {
        Ok(secret) => Ok(ResolvedSecret::new(secret)),
        Err(error) => Err(read_error(reference, error)),
    }
}

fn content(path: &Path) -> io::Result<Secret> {
    let file = File::open(path)?;
    // One buffer of sufficient size: a buffer that grows leaves copies of the secret in memory.
    let size = file.metadata()?.len().min(MAX_SIZE) as usize;
    let mut content = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(MAX_SIZE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_SIZE {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "the file is larger than 1 MiB; check the path"));
    }
    let text = str::from_utf8(&content);
    let not_utf8 = "the file is not UTF-8; save it as UTF-8";
    let text = text.map_err(|_| io::Error::new(ErrorKind::InvalidData, not_utf8));
    text.map(Secret::from)
}

fn read_error(reference: &SecretRef, error: io::Error) -> SecretError {
    let kind = match error.kind() {
        ErrorKind::NotFound => SecretErrorKind::NotFound,
        ErrorKind::PermissionDenied => SecretErrorKind::Forbidden,
        ErrorKind::TimedOut | ErrorKind::StaleNetworkFileHandle => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unreadable,
    };
    // For an error of the operating system, `reason` is only the kind of the error. The full text
    // is in the error that is attached as the source.
    let reason = match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => error.to_string(),
    };
    SecretError::new(kind, reference.clone(), reason).with_source(error)
}

#[cfg(test)]
mod tests;
