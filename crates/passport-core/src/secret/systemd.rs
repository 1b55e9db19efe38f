use std::{env, path::PathBuf};

use super::{ResolvedSecret, SecretError, SecretErrorKind, SecretProvider, SecretRef, file};

pub(super) const SCHEME: &str = "systemd";

/// The environment variable that contains the directory of the credentials. systemd sets this
/// variable.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The provider for references `systemd:NAME`. It reads the credential `NAME` that systemd
/// passes to a service (`LoadCredential=`, `LoadCredentialEncrypted=`).
///
/// The credential is the file `NAME` in the directory `$CREDENTIALS_DIRECTORY`, which no other
/// user can read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemdCredentials;

impl SecretProvider for SystemdCredentials {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        read_in(env::var_os(DIRECTORY).map(PathBuf::from), reference).await
    }
}

async fn read_in(directory: Option<PathBuf>, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
    let error = |kind, reason: &str| SecretError::new(kind, reference.clone(), reason);
    let name = reference.path();
    if name.contains('/') || name.starts_with('.') {
        return Err(error(
            SecretErrorKind::Unreadable,
            "not the name of a credential; write systemd:NAME with the name from LoadCredential=",
        ));
    }
    let directory = directory.ok_or_else(|| {
        error(
            SecretErrorKind::NotFound,
            "$CREDENTIALS_DIRECTORY is not set; run the process as a systemd service with LoadCredential=",
        )
    })?;
    file::read(&directory.join(name), reference).await
}

#[cfg(test)]
mod tests;
