use std::{fs, io::Write};

use super::super::SecretSource;
use super::*;

#[tokio::test]
async fn file_is_read_at_each_use_without_its_line_break() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"first\n").unwrap();
    let source = SecretSource::file(file.path().to_str().unwrap());
    assert_eq!(source.resolve().await.unwrap().secret().expose(), "first");
    fs::write(file.path(), "second\r\n").unwrap();
    assert_eq!(source.resolve().await.unwrap().secret().expose(), "second");
}

#[tokio::test]
async fn url_with_three_slashes_is_a_path() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "x").unwrap();
    let reference = format!("file://{}", file.path().display()).parse().unwrap();
    let source = SecretSource::new(FileSecrets, reference);
    assert_eq!(source.resolve().await.unwrap().secret().expose(), "x");
}

#[tokio::test]
async fn url_with_a_host_is_rejected() {
    let source = SecretSource::new(FileSecrets, "file://etc/secret".parse().unwrap());
    assert_eq!(source.resolve().await.unwrap_err().kind(), SecretErrorKind::Unreadable);
}

#[tokio::test]
async fn unusable_file_is_an_error_with_a_remedy() {
    for (content, remedy) in [(b"\xff\xfes\0".to_vec(), "save it as UTF-8"), (vec![b'a'; 1_048_577], "1 MiB")]
    {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        let error = SecretSource::file(file.path().to_str().unwrap()).resolve().await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::Unreadable);
        assert!(error.to_string().contains(remedy), "{error}");
    }
}

#[tokio::test]
async fn error_names_the_missing_file() {
    let error = SecretSource::file("/no/such/secret").resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::NotFound);
    assert!(error.to_string().contains("/no/such/secret"));
}
