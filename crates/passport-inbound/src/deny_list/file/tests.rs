//! Tests of writing a file. The tests of the list also read it.

use super::*;

#[test]
fn file_without_a_folder_is_in_the_current_one() {
    assert!(sync_folder(Path::new("denied")).is_ok());
}

#[cfg(unix)]
#[test]
fn folder_that_cannot_be_synced_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("denied");
    assert_eq!(sync_folder(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn records_beyond_those_that_wait_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denied");
    let file = DenyListFile::new(path.clone());
    let key = "A".repeat(22);
    let json =
        format!(r#"{{"key":"{key}","group":"{key}","issuer":"{key}","issued_before":1,"expires_at":2}}"#);
    let record = DenialRecord::from_json(&json).unwrap();
    for _ in 0..=MAX_UNSAVED {
        file.add(record);
    }
    assert!(!file.is_saved());
    // The number of entries is that of a list that would be appended to.
    file.save(MAX_UNSAVED, || vec![record]).await.unwrap();
    assert!(file.is_saved());
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{json}\n"));
}

#[test]
fn file_is_created_appended_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denied");
    append(&path, "1\n").unwrap();
    append(&path, "2\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n");
    replace(&path, "3\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
