use super::*;

#[test]
fn algorithm_names_are_compared_byte_for_byte() {
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
fn unknown_algorithm_debug_prints_the_expected_names() {
    let error = "HS256".parse::<Algorithm>().unwrap_err();
    let message = "unknown algorithm: expected RS256, PS256, ES256, EdDSA or Ed25519 (case-sensitive)";
    assert_eq!((format!("{error:?}"), error.to_string()), (message.to_owned(), message.to_owned()));
}

#[test]
fn unconfigured_algorithm_is_not_allowed() {
    let default = AllowedAlgorithms::default();
    assert_eq!(default.named(|name| name == "ES256"), None);
    assert!(AllowedAlgorithms::new(Vec::new()).is_none());
}

#[test]
fn algorithm_displays_its_name_in_alg() {
    let names = Algorithm::ALL.map(|algorithm| algorithm.to_string());
    assert_eq!(names, ["ES256", "EdDSA", "PS256", "RS256"]);
}

#[test]
fn allowed_algorithms_contain_only_configured_ones() {
    let allowed = AllowedAlgorithms::new(vec![Algorithm::Rs256, Algorithm::EdDsa]).unwrap();
    let contained = Algorithm::ALL.map(|algorithm| allowed.contains(algorithm));
    assert_eq!(contained, [false, true, false, true]);
}
