use std::time::UNIX_EPOCH;

use super::*;

#[test]
fn the_header_is_sensitive_and_debug_shows_no_token() {
    let token = AccessToken::new("eyJ.abc.def", UNIX_EPOCH).unwrap();
    assert_eq!(token.expose(), "eyJ.abc.def");
    assert!(token.authorization().is_sensitive());
    assert!(!format!("{token:?} {:?}", token.authorization()).contains("abc"));
}

#[test]
fn token_with_header_control_characters_is_rejected() {
    for text in ["", " ", "a b", "a\r\nX: y", "a\0", "é", "a,b"] {
        assert_eq!(AccessToken::new(text, UNIX_EPOCH).unwrap_err(), InvalidAccessToken, "{text:?}");
    }
}
