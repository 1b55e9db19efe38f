use super::*;

#[test]
fn quotes_backslashes_controls_and_unicode_are_rejected() {
    for text in ["", "   ", "a\"b", "a\\b", "a\tb", "a\nb", "rôles"] {
        assert!(text.parse::<Scopes>().is_err(), "{text:?}");
    }
}

#[test]
fn scopes_are_shown_sorted_with_one_blank_between() {
    for (text, shown) in [("roles  openid roles", "openid roles"), ("!#[]~", "!#[]~")] {
        assert_eq!(text.parse::<Scopes>().unwrap().to_string(), shown);
    }
}
