use super::*;

#[test]
fn a_secret_pasted_as_a_reference_is_not_echoed() {
    let error = "mics_sk_abcdefghijklmnopqrstuvwx".parse::<SecretRef>().unwrap_err();
    assert!(!error.to_string().contains("abcdef"));
}
