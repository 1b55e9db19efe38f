use super::*;

#[test]
fn names_are_compared_byte_for_byte() {
    let names = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs256];
    let all = AllowedAlgorithms::new(names.to_vec()).unwrap();
    for algorithm in names {
        assert_eq!(all.named(|name| name == algorithm.name()), Some(algorithm));
    }
    assert_eq!("ES256".parse(), Ok(Algorithm::Es256));
    assert_eq!("Ed25519".parse(), Ok(Algorithm::EdDsa));
    assert_eq!(all.named(|name| name == "Ed25519"), Some(Algorithm::EdDsa));
    assert!("HS256".parse::<Algorithm>().is_err());
    for other in ["none", "HS256", "rs256", "RS256 ", "RS512", "ES384", "eddsa", "ed25519", "Ed448", ""] {
        assert_eq!(all.named(|name| name == other), None, "{other}");
    }
}

#[test]
fn what_is_not_configured_is_not_allowed() {
    let default = AllowedAlgorithms::default();
    assert_eq!(default.named(|name| name == "ES256"), None);
    assert!(AllowedAlgorithms::new(Vec::new()).is_none());
}

#[test]
fn algorithm_is_shown_by_its_name_in_tokens() {
    let shown = Algorithm::ALL.map(|algorithm| algorithm.to_string());
    assert_eq!(shown, ["ES256", "EdDSA", "PS256", "RS256"]);
}

#[test]
fn allowed_algorithms_contain_only_configured_ones() {
    let allowed = AllowedAlgorithms::new(vec![Algorithm::Rs256, Algorithm::EdDsa]).unwrap();
    let contained = Algorithm::ALL.map(|algorithm| allowed.contains(algorithm));
    assert_eq!(contained, [false, true, false, true]);
}
