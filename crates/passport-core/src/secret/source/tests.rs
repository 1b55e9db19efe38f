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

/// A provider with a state.
#[derive(Debug)]
struct Named(#[expect(dead_code, reason = "only its size counts")] u8);

impl SecretProvider for Named {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        Ok(ResolvedSecret::new("s3cret".into()))
    }
}

#[test]
fn sources_of_one_provider_and_reference_are_equal() {
    let (env, file) = (|| SecretSource::env("A"), || SecretSource::file("A"));
    assert_eq!(env(), env());
    assert_ne!(env(), SecretSource::env("B"));
    assert_ne!(env(), file());
    assert_eq!(env().or(file()), env().or(file()));
    assert_ne!(env().or(file()), env().or(env()));
    assert_ne!(env().or(file()), env());
    let named = || SecretSource::new(Named(1), "named:a".parse().unwrap());
    let source = named();
    assert_eq!(source, source.clone());
    assert_ne!(source, named(), "two providers with a state can read different secrets");
    let custom = || SecretSource::new(Custom, "named:a".parse().unwrap());
    assert_eq!(custom(), custom());
    assert_ne!(source, custom());
    assert_ne!(SecretSource::from_value("a"), SecretSource::from_value("a"));
}
