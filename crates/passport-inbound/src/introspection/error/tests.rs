//! Failures of a token, and failures of the issuer.

use super::*;

#[test]
fn content_of_an_answer_concerns_only_the_token() {
    let too_large = CallError::Transport(TransportError::new(TransportErrorKind::TooLarge));
    assert!(too_large.concerns_only_the_token(true));
    let closed = CallError::Transport(TransportError::new(TransportErrorKind::ConnectionClosed));
    assert!(!closed.concerns_only_the_token(true));
    for content in [InvalidAnswer::Mismatch("sub"), InvalidAnswer::NotJson, InvalidAnswer::AnyToken] {
        let error = CallError::Answer(content);
        assert!(error.concerns_only_the_token(true) && error.concerns_only_the_token(false), "{content:?}");
    }
    for other in [InvalidAnswer::Signature, InvalidAnswer::ContentType] {
        assert!(!CallError::Answer(other).concerns_only_the_token(false), "{other:?}");
    }
}

#[test]
fn client_error_concerns_only_an_unknown_token() {
    for (status, expected) in
        [(400, true), (404, true), (422, true), (403, false), (429, false), (500, false)]
    {
        let error = CallError::Status(StatusCode::from_u16(status).unwrap());
        assert_eq!(error.concerns_only_the_token(false), expected, "{status}");
        assert!(!error.concerns_only_the_token(true), "{status}");
    }
    assert!(!CallError::ClientRejected.concerns_only_the_token(false));
    assert!(!CallError::Timeout.concerns_only_the_token(false));
}
