use std::{env, path::PathBuf};

use super::{ResolvedSecret, SecretError, SecretErrorKind, SecretProvider, SecretRef, file};

pub(super) const SCHEME: &str = "systemd";

/// Where systemd says that the credentials of a service are.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Reads `systemd:NAME` from the credentials that systemd gives a service (`LoadCredential=`, `LoadCredentialEncrypted=`): the
/// file `NAME` in `$CREDENTIALS_DIRECTORY`, which no other user can read.
#[derive(Clone, Debug, Default)]
pub struct SystemdCredentials {
    /// None for the one that the environment names.
    directory: Option<PathBuf>,
}

impl SystemdCredentials {
    /// The credentials in `directory`, in the place of the one that the environment names.
    #[must_use]
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self { directory: Some(directory.into()) }
    }
}

impl SecretProvider for SystemdCredentials {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let error = |kind, reason: &str| SecretError::new(kind, reference.clone(), reason);
        let name = reference.place();
        if name.contains('/') || name.starts_with('.') {
            return Err(error(
                SecretErrorKind::Unreadable,
                "it is not the name of a credential; write systemd:NAME, as LoadCredential= has it",
            ));
        }
        let directory = self.directory.clone().or_else(|| env::var_os(DIRECTORY).map(PathBuf::from));
        let directory = directory.ok_or_else(|| {
            error(
                SecretErrorKind::NotFound,
                "$CREDENTIALS_DIRECTORY is not set: the process is no service of systemd with LoadCredential=",
            )
        })?;
        file::read(&directory.join(name), reference).await
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn read(directory: &std::path::Path, reference: &str) -> Result<String, SecretErrorKind> {
        let credentials = SystemdCredentials::in_directory(directory);
        let read = credentials.resolve(&reference.parse().unwrap()).await;
        read.map(|read| read.secret().expose().to_owned()).map_err(|error| error.kind())
    }

    #[tokio::test]
    async fn a_credential_is_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("payroll"), "mics_sk\n").unwrap();
        assert_eq!(read(folder.path(), "systemd:payroll").await.as_deref(), Ok("mics_sk"));
        assert_eq!(read(folder.path(), "systemd:other").await, Err(SecretErrorKind::NotFound));
    }

    #[tokio::test]
    async fn what_is_no_name_does_not_leave_the_directory() {
        let folder = tempfile::tempdir().unwrap();
        for reference in ["systemd:../payroll", "systemd:/etc/passwd", "systemd:.."] {
            assert_eq!(read(folder.path(), reference).await, Err(SecretErrorKind::Unreadable));
        }
    }

    #[tokio::test]
    async fn outside_of_a_service_it_is_said_what_is_missing() {
        if env::var_os(DIRECTORY).is_some() {
            return; // the tests are a service themselves
        }
        let error = SystemdCredentials::default().resolve(&"systemd:a".parse().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("LoadCredential="), "{error}");
    }
}
