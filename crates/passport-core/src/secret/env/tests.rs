use super::super::SecretSource;
use super::*;

#[tokio::test]
async fn variable_is_read() {
    // Cargo sets this variable for every test run.
    let resolved = SecretSource::env("CARGO_PKG_NAME").resolve().await.unwrap();
    assert_eq!(resolved.secret().expose(), "passport-core");
}

#[tokio::test]
async fn error_names_the_missing_variable() {
    let error = SecretSource::env("PASSPORT_NO_SUCH_VARIABLE").resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::NotFound);
    assert!(error.to_string().contains("PASSPORT_NO_SUCH_VARIABLE"));
}
