use std::io;

use super::*;

/// An error whose text does not contain the text of its cause.
#[derive(Debug, thiserror::Error)]
#[error("no connection could be made")]
struct Outer(#[source] io::Error);

fn error(failure: FetchFailure) -> TokenError {
    TokenError::new(&"mi-1".parse().unwrap(), failure)
}

#[test]
fn debug_prints_message_with_remedy_and_causes() {
    let cause = Outer(io::Error::other("connection refused"));
    let error = error(FetchFailure::of(TokenErrorKind::Unavailable).with_source(cause));
    assert_eq!(
        format!("{error:?}"),
        "no token for `mi-1`: Passport is unavailable: no connection could be made; \
         the fetch will be retried; check that Passport is up and reachable \
         (caused by: no connection could be made: connection refused)"
    );
}

#[test]
fn debug_without_further_causes_is_the_message() {
    let rejected = FetchFailure {
        status: Some(StatusCode::UNAUTHORIZED),
        oauth_error: Some("invalid_client".to_owned()),
        ..FetchFailure::of(TokenErrorKind::Rejected)
    };
    let secret = SecretError::new(
        passport_core::SecretErrorKind::NotFound,
        "env:ERP_SECRET".parse().unwrap(),
        "the environment variable is not set",
    );
    for failure in [rejected, FetchFailure::secret(secret), FetchFailure::of(TokenErrorKind::ShutDown)] {
        let error = error(failure);
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}

#[test]
fn every_message_names_client_and_problem() {
    for (kind, message) in [
        (TokenErrorKind::Canceled, "the token fetch was canceled; check that the tokio runtime is running"),
        (TokenErrorKind::Misconfigured, "the token request failed"),
        (
            TokenErrorKind::Rejected,
            "Passport rejected the token request; the response has no OAuth error code",
        ),
        (TokenErrorKind::Unchanged, "Passport returned the token that was to be replaced; the fetch will be"),
        (TokenErrorKind::SecretUnavailable, "the client secret cannot be used; check the reference"),
        (TokenErrorKind::ShutDown, "the identity was shut down; build a new identity"),
        (TokenErrorKind::Tls(TlsFailure::NotTls), "the server does not speak TLS on this port; check"),
        (
            TokenErrorKind::Unavailable,
            "Passport is unavailable; the fetch will be retried; check that Passport",
        ),
        (
            TokenErrorKind::InvalidResponse,
            "Passport's response is not a valid token response; check that the",
        ),
    ] {
        let text = error(FetchFailure::of(kind)).to_string();
        assert!(text.starts_with(&format!("no token for `mi-1`: {message}")), "{text}");
    }
}
