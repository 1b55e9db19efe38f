use super::*;

/// If `main` returns the error, Rust prints it with `Debug`.
#[test]
fn debug_prints_the_message_with_its_remedy() {
    let error = AttachError::OriginNotAllowed { origin: "https://evil.example".to_owned() };
    let message = "origin not allowed: https://evil.example; add it to AllowedOrigins (also_allow of an HTTP \
                   client) if it may receive the token";
    assert_eq!(format!("{error:?}"), message);
    assert_eq!(error.to_string(), message);
}
