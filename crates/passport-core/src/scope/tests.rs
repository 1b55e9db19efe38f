use super::*;

#[test]
fn quotes_backslashes_controls_and_unicode_are_rejected() {
    for text in ["", "   ", "a\"b", "a\\b", "a\tb", "a\nb", "rôles"] {
        assert!(text.parse::<Scopes>().is_err(), "{text:?}");
    }
}
