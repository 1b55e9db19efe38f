use super::*;
use crate::ClientKeyKind;

/// Returns a registry with an identity `payroll` that has a secret and a key. Also returns the id
/// of the secret.
fn registry() -> (Registry, String) {
    let mut registry = Registry::default();
    let identity = StoredIdentity {
        managed_identity_id: "mi-guid-1".to_owned(),
        client_id: "payroll".to_owned(),
        name: "payroll".to_owned(),
        tenant_id: "tenant-1".to_owned(),
        roles: Vec::new(),
        enabled: true,
        secrets: Vec::new(),
        issued: Vec::new(),
        key: Some(ClientKey::generate(ClientKeyKind::P256).0),
    };
    let secret = registry.add(identity, "s3cret".to_owned());
    (registry, secret.id)
}

#[test]
fn disabling_revokes_tokens_of_secrets_and_of_the_key() {
    let (mut registry, secret) = registry();
    registry.record_issued("payroll", &secret, "by-secret");
    registry.record_issued("payroll", KEY_ID, "by-key");
    assert!(!registry.is_revoked("by-secret") && !registry.is_revoked("by-key"));
    assert!(registry.set_enabled("payroll", false));
    assert!(registry.is_revoked("by-secret") && registry.is_revoked("by-key"));
    assert!(registry.set_enabled("payroll", true));
    assert!(registry.is_revoked("by-secret"), "the token stays revoked");
}

#[test]
fn revoking_a_secret_keeps_other_tokens() {
    let (mut registry, first) = registry();
    let second = registry.generate_secret("payroll").unwrap();
    registry.record_issued("payroll", &first, "first");
    registry.record_issued("payroll", &second.id, "second");
    registry.record_issued("payroll", KEY_ID, "by-key");
    assert!(registry.revoke_secret("payroll", &first));
    let revoked = ["first", "second", "by-key"].map(|jti| registry.is_revoked(jti));
    assert_eq!(revoked, [true, false, false]);
}

#[test]
fn token_of_an_inactive_credential_is_revoked() {
    let (mut registry, secret) = registry();
    registry.set_enabled("payroll", false);
    registry.record_issued("payroll", &secret, "while-disabled");
    registry.set_enabled("payroll", true);
    registry.revoke_secret("payroll", &secret);
    registry.record_issued("payroll", &secret, "after-revocation");
    assert!(registry.is_revoked("while-disabled") && registry.is_revoked("after-revocation"));
}

#[test]
fn operations_without_effect_return_false() {
    let (mut registry, secret) = registry();
    assert!(!registry.set_enabled("payroll", true));
    assert!(!registry.set_enabled("unknown", false));
    assert!(!registry.revoke_secret("payroll", "sec-unknown"));
    assert!(!registry.revoke_secret("unknown", &secret));
}
