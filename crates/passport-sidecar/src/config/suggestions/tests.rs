use super::*;

#[test]
fn key_of_another_case_or_number_is_named() {
    for (key, expected) in [
        ("Identities", "identities"),
        ("identity", "identities"),
        ("Identity", "identities"),
        ("LISTEN", "listen"),
        ("listener", "listen"),
        ("caller", "callers"),
        ("upstream", "upstreams"),
        ("validation", "validate"),
        ("limit", "limits"),
    ] {
        let message = misspelled([key, "listen"].into_iter()).unwrap_or_default();
        assert_eq!(message, format!("unknown key `{key}`; did you mean `{expected}`?"));
    }
    assert_eq!(misspelled(KEYS.into_iter()), None);
    assert_eq!(misspelled(["logging"].into_iter()), None, "serde lists the known keys");
}
