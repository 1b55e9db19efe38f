use super::*;
use crate::SigningAlgorithm;

#[test]
fn private_key_is_another_kind_of_credential_than_secrets() {
    use ClientAuthentication::{ClientSecretBasic, ClientSecretBasicRaw, ClientSecretPost};
    for method in [ClientSecretBasic, ClientSecretBasicRaw, ClientSecretPost] {
        assert_eq!(method.credential_kind(), "client_secret", "{method:?}");
    }
    let method = ClientAuthentication::from(PrivateKeyJwt::new(SigningAlgorithm::Es256));
    assert_eq!(method.credential_kind(), "private_key_jwt");
}

#[test]
fn remedy_for_a_rejected_key_names_the_public_key() {
    let method = ClientAuthentication::from(PrivateKeyJwt::new(SigningAlgorithm::Es256));
    assert_eq!(method.remedy(), "that the issuer accepts private_key_jwt and has this public key");
}
