use proptest::prelude::*;

use super::*;

fn parts(path: &ClaimPath) -> Vec<&str> {
    path.parts().collect()
}

#[test]
fn text_is_split_at_its_dots() {
    assert_eq!(parts(&"roles".into()), ["roles"]);
    assert_eq!(parts(&"realm_access.roles".into()), ["realm_access", "roles"]);
    assert_eq!(parts(&"cognito:groups".into()), ["cognito:groups"]);
    assert_eq!(parts(&"a.b.c".to_owned().into()), ["a", "b", "c"]);
}

#[test]
fn dot_after_a_backslash_does_not_split() {
    assert_eq!(parts(&r"resource_access.my\.client.roles".into()), ["resource_access", "my.client", "roles"]);
    assert_eq!(parts(&r"a\b".into()), [r"a\b"]);
    assert_eq!(parts(&r"a\".into()), [r"a\"]);
}

#[test]
fn url_is_the_name_of_one_claim() {
    for url in ["https://bizfirstgo.com/roles", "urn://a.b"] {
        assert_eq!(ClaimPath::from(url), ClaimPath::name(url));
        assert_eq!(ClaimPath::from(url).to_string(), url);
    }
}

#[test]
fn path_with_an_empty_part_is_blank() {
    for text in ["", " ", ".", "a.", ".a", "a..b", "a. .b"] {
        assert!(ClaimPath::from(text).has_blank_part(), "{text:?}");
    }
    assert!(!ClaimPath::from(r"\.").has_blank_part());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printed_path_converts_to_the_same_path(text in r"[a-z./:\\ ]{0,12}") {
        let path = ClaimPath::from(text.as_str());
        prop_assert_eq!(ClaimPath::from(path.to_string()), path);
    }
}
