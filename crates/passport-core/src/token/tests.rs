use std::time::UNIX_EPOCH;

use super::*;

#[test]
fn header_is_sensitive_and_debug_shows_no_token() {
    let token = AccessToken::new("eyJ.abc.def", UNIX_EPOCH).unwrap();
    assert_eq!(token.expose(), "eyJ.abc.def");
    assert!(token.authorization().is_sensitive());
    assert!(!format!("{token:?} {:?}", token.authorization()).contains("abc"));
}

#[test]
fn token_with_invalid_characters_is_rejected() {
    for text in ["", " ", "a b", "a\r\nX: y", "a\0", "é", "a,b"] {
        assert_eq!(AccessToken::new(text, UNIX_EPOCH).unwrap_err(), InvalidAccessToken, "{text:?}");
    }
}

#[test]
fn debug_of_the_error_is_its_message() {
    let error = AccessToken::new("", UNIX_EPOCH).unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
}
