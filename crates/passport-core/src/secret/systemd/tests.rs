use std::fs;

use super::*;

async fn read(directory: &std::path::Path, reference: &str) -> Result<String, SecretErrorKind> {
    let read = read_in(Some(directory.to_owned()), &reference.parse().unwrap()).await;
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
    let error = SystemdCredentials.resolve(&"systemd:a".parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("LoadCredential="), "{error}");
}
