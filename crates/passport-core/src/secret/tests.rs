use super::*;

#[test]
fn debug_shows_no_secret() {
    let source = SecretSource::from_value("mics_sk_hidden");
    let resolved = ResolvedSecret::new(Secret::new("mics_sk_hidden"));
    assert!(!format!("{source:?} {resolved:?}").contains("hidden"));
}
