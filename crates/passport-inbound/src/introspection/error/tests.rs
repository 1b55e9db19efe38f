//! Failures of a token, and failures of the issuer.

use super::*;

#[test]
fn mismatch_concerns_only_the_token() {
    let mismatch = CallError::Answer(InvalidAnswer::Mismatch("sub"));
    assert!(mismatch.concerns_only_the_token(true) && mismatch.concerns_only_the_token(false));
    for other in [InvalidAnswer::NotJson, InvalidAnswer::Signature, InvalidAnswer::ContentType] {
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
