use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn key(client_id: &str, url: &str, scopes: &str) -> TokenKey {
    let (client_id, url) = (client_id.parse().unwrap(), url.parse().unwrap());
    TokenKey::new(&client_id, &url, "client_secret", &scopes.parse().unwrap())
}

#[test]
fn order_of_scopes_does_not_matter() {
    assert_eq!(key("a", "https://p/t", "x y"), key("a", "https://p/t", "y x y"));
}

#[test]
fn every_parameter_changes_the_key() {
    let base = key("a", "https://p/t", "x y");
    for other in [
        key("b", "https://p/t", "x y"),
        key("a", "https://p/t2", "x y"),
        key("a", "https://p/t", "x"),
        key("a", "https://p/t", "xy"),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn other_credential_kind_has_another_key() {
    let (client_id, token_url) = ("mi-1".parse().unwrap(), "https://p/t".parse().unwrap());
    let key = |method| TokenKey::new(&client_id, &token_url, method, &Scopes::default());
    assert_eq!(key("client_secret"), key("client_secret"));
    assert_ne!(key("client_secret"), key("private_key_jwt"));
}

/// Parameters of a token request. Each parameter consists of the letters `a` and `b`, so that
/// different parameters often give the same text when concatenated. Scopes can be repeated and
/// in any order.
fn request() -> impl Strategy<Value = (String, String, Vec<String>)> {
    let word = "[ab]{1,3}";
    (word, word, prop::collection::vec(word, 1..4))
}

fn key_of((client_id, path, scopes): &(String, String, Vec<String>)) -> TokenKey {
    key(client_id, &format!("https://p/{path}"), &scopes.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn keys_are_equal_exactly_if_the_requests_are(one in request(), other in request()) {
        let scopes = |request: &(_, _, Vec<String>)| request.2.iter().cloned().collect::<BTreeSet<_>>();
        let same = (&one.0, &one.1, scopes(&one)) == (&other.0, &other.1, scopes(&other));
        prop_assert_eq!(key_of(&one) == key_of(&other), same);
        prop_assert_eq!(key_of(&one).to_string() == key_of(&other).to_string(), same);
    }

    #[test]
    fn parameters_are_delimited(first in "[a-z]{1,6}", second in "[a-z]{1,6}") {
        let apart = key("a", &format!("https://p/{first}"), &second);
        prop_assert_ne!(&apart, &key("a", &format!("https://p/{first}{second}"), &second));
        prop_assert_ne!(&apart, &key("a", &format!("https://p/{first}"), &format!("{first}{second}")));
        prop_assert_ne!(
            key("a", "https://p", &format!("{first} {second}")),
            key("a", "https://p", &format!("{first}{second}"))
        );
    }

    #[test]
    fn text_begins_with_the_client_id(client_id in "[a-z0-9.:_-]{1,20}") {
        let text = key(&client_id, "https://p/t", "openid").to_string();
        let (name, digest) = text.rsplit_once(':').unwrap();
        prop_assert_eq!(name, client_id);
        prop_assert_eq!(digest.len(), 64);
    }
}
