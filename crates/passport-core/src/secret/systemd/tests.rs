use std::fs;

use super::*;

async fn read(directory: &std::path::Path, reference: &str) -> Result<String, SecretErrorKind> {
    let read = read_in(Some(directory.to_owned()), &reference.parse().unwrap()).await;
    read.map(|read| read.secret().expose().to_owned()).map_err(|error| error.kind())
}

#[tokio::test]
async fn credential_is_found_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("payroll"), "mics_sk\n").unwrap();
    assert_eq!(read(folder.path(), "systemd:payroll").await.as_deref(), Ok("mics_sk"));
    assert_eq!(read(folder.path(), "systemd:other").await, Err(SecretErrorKind::NotFound));
}

#[tokio::test]
async fn path_outside_of_the_directory_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    for reference in ["systemd:../payroll", "systemd:/etc/passwd", "systemd:.."] {
        assert_eq!(read(folder.path(), reference).await, Err(SecretErrorKind::Unreadable));
    }
}

#[tokio::test]
async fn error_outside_of_a_service_has_a_remedy() {
    if env::var_os(DIRECTORY).is_some() {
        return; // The tests run as a systemd service.
    }
    let error = SystemdCredentials.resolve(&"systemd:a".parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("LoadCredential="), "{error}");
}
