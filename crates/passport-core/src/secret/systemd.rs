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
mod tests;
