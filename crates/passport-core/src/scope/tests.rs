use super::*;

#[test]
fn characters_outside_of_rfc_6749_are_rejected() {
    for text in ["", "   ", "a\"b", "a\\b", "a\tb", "a\nb", "rôles"] {
        assert!(text.parse::<Scopes>().is_err(), "{text:?}");
    }
}

#[test]
fn scopes_are_displayed_sorted_and_space_separated() {
    for (text, displayed) in [("roles  openid roles", "openid roles"), ("!#[]~", "!#[]~")] {
        assert_eq!(text.parse::<Scopes>().unwrap().to_string(), displayed);
    }
}

#[test]
fn debug_of_the_error_is_its_message() {
    let error = "".parse::<Scopes>().unwrap_err();
    assert_eq!(format!("{error:?}"), "invalid scopes: expected at least one scope");
}
