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

/// How long a file may take. Less than the 10 s of a token request, so that its error names the
/// file.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest file that is read.
const MAX_SIZE: u64 = 1024 * 1024;

/// Reads `file:/path` (or `file:///path`), as Kubernetes, systemd and container platforms mount secrets.
///
/// The file is read at each use, so a rotated mount is seen. A file that does not answer within 5 s
/// is an error ([`SecretErrorKind::Unavailable`]), and costs one thread until it answers, whatever
/// the number of attempts.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSecrets;

impl SecretProvider for FileSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let path = match reference.path().strip_prefix("//") {
            Some(host) if !host.starts_with('/') => {
                return Err(SecretError::new(
                    SecretErrorKind::Unreadable,
                    reference.clone(),
                    "it names a host; write file:/path or file:///path",
                ));
            }
            Some(path) => path,
            None => reference.path(),
        };
        read(Path::new(path), reference).await
    }
}

/// Reads the file at `path`.
pub(super) async fn read(path: &Path, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
    let own = path.to_owned();
    let read = on_file_thread(path, PATIENCE, move || content(&own)).await;
    match read.and_then(|content| content) {
        Ok(secret) => Ok(ResolvedSecret::new(secret)),
        Err(error) => Err(unread(reference, error)),
    }
}

fn content(path: &Path) -> io::Result<Secret> {
    let file = File::open(path)?;
    // One buffer of the right size: a buffer that grows leaves copies of the secret behind.
    let size = file.metadata()?.len().min(MAX_SIZE) as usize;
    let mut content = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(MAX_SIZE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_SIZE {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    let text = str::from_utf8(&content);
    let text = text.map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8; save it as UTF-8"));
    text.map(Secret::from)
}

fn unread(reference: &SecretRef, error: io::Error) -> SecretError {
    let kind = match error.kind() {
        ErrorKind::NotFound => SecretErrorKind::NotFound,
        ErrorKind::PermissionDenied => SecretErrorKind::Forbidden,
        ErrorKind::TimedOut | ErrorKind::StaleNetworkFileHandle => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unreadable,
    };
    // The operating system's errors say what happened in the source.
    let reason = match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => error.to_string(),
    };
    SecretError::new(kind, reference.clone(), reason).with_source(error)
}

#[cfg(test)]
mod tests;
