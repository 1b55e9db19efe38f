use super::*;

#[test]
fn secret_instead_of_a_reference_is_not_displayed() {
    let error = "mics_sk_abcdefghijklmnopqrstuvwx".parse::<SecretRef>().unwrap_err();
    let message = error.to_string();
    assert!(message.contains("expected env:NAME or file:/path") && !message.contains("abcdef"), "{message}");
    assert_eq!(format!("{error:?}"), message);
}
