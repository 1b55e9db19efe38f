use super::*;
use crate::SecretErrorKind;

#[tokio::test]
async fn empty_secret_is_an_error() {
    for empty in ["", " \t", "\n"] {
        let source = SecretSource::from_value(empty);
        let error = source.resolve().await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::Empty);
        let rejected = ResolvedSecret::new("other".into());
        let error = source.refresh(&rejected).await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::Empty);
    }
}

/// A provider that an application could contain. It has no code that removes line breaks.
#[derive(Debug)]
struct Custom;

impl SecretProvider for Custom {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        Ok(ResolvedSecret::new(Secret::new(format!("{}\r\n", reference.path()))))
    }
}

#[tokio::test]
async fn custom_provider_needs_no_code_for_line_breaks() {
    let source = SecretSource::new(Custom, "custom:s3cret".parse().unwrap());
    let read = source.resolve().await.unwrap();
    assert_eq!(read.secret().expose(), "s3cret");
    assert!(source.refresh(&read).await.unwrap().has_same_secret(&read));
}
