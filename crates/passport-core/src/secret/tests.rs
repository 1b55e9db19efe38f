use super::*;

#[test]
fn debug_shows_no_secret() {
    let source = SecretSource::from_value("mics_sk_hidden");
    let resolved = ResolvedSecret::new(Secret::new("mics_sk_hidden"));
    assert!(!format!("{source:?} {resolved:?}").contains("hidden"));
}

#[test]
fn debug_of_a_secret_error_is_its_message_with_causes() {
    let reference: SecretRef = "vault:payroll".parse().unwrap();
    let error = SecretError::new(SecretErrorKind::Unavailable, reference, "the vault is unreachable");
    let error = error.with_source(std::io::Error::other("connection refused"));
    let expected =
        "the secret behind `vault:payroll` could not be read: the vault is unreachable: connection refused";
    assert_eq!(format!("{error:?}"), expected);
}
