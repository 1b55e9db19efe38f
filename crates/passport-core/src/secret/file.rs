use std::{io::ErrorKind, path::Path};

use zeroize::Zeroizing;

use super::{ResolvedSecret, Secret, SecretError, SecretErrorKind, SecretProvider, SecretRef};

pub(super) const SCHEME: &str = "file";

/// Reads `file:/path` (or `file:///path`), as Kubernetes, systemd and container platforms mount secrets.
///
/// The file is read at each use, so a rotated mount is seen. Line breaks at its end do not count.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSecrets;

impl SecretProvider for FileSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let path = match reference.place().strip_prefix("//") {
            Some(host) if !host.starts_with('/') => {
                return Err(SecretError::new(
                    SecretErrorKind::Unreadable,
                    reference.clone(),
                    "it names a host; write file:/path or file:///path",
                ));
            }
            Some(path) => path,
            None => reference.place(),
        };
        read(Path::new(path), reference).await
    }
}

/// The content of the file at `path`, without line breaks at its end.
pub(super) async fn read(path: &Path, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
    let content = tokio::fs::read_to_string(path).await.map(Zeroizing::new).map_err(|error| {
        let kind = match error.kind() {
            ErrorKind::NotFound => SecretErrorKind::NotFound,
            ErrorKind::PermissionDenied => SecretErrorKind::Forbidden,
            _ => SecretErrorKind::Unreadable,
        };
        SecretError::new(kind, reference.clone(), error.kind().to_string()).caused_by(error)
    })?;
    Ok(ResolvedSecret::new(Secret::new(content.trim_end_matches(['\r', '\n']))))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::super::SecretSource;
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_at_each_use_without_its_last_line_break() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"first\n").unwrap();
        let source = SecretSource::file(file.path().to_str().unwrap());
        assert_eq!(source.resolve().await.unwrap().secret().expose(), "first");
        fs::write(file.path(), "second\r\n").unwrap();
        assert_eq!(source.resolve().await.unwrap().secret().expose(), "second");
    }

    #[tokio::test]
    async fn a_url_with_three_slashes_is_a_path() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "x").unwrap();
        let reference = format!("file://{}", file.path().display()).parse().unwrap();
        assert_eq!(
            SecretSource::from_reference(reference).unwrap().resolve().await.unwrap().secret().expose(),
            "x"
        );
    }

    #[tokio::test]
    async fn a_url_with_two_slashes_names_a_host_and_is_refused() {
        let source = SecretSource::from_reference("file://etc/secret".parse().unwrap()).unwrap();
        assert_eq!(source.resolve().await.unwrap_err().kind(), SecretErrorKind::Unreadable);
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let error = SecretSource::file("/no/such/secret").resolve().await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::NotFound);
        assert!(error.to_string().contains("/no/such/secret"));
    }
}
