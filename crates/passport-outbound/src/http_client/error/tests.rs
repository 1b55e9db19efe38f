use passport_core::ClientId;

use super::*;
use crate::{TokenErrorKind, token::FetchFailure};

/// If `main` returns the error, Rust prints it with `Debug`.
#[test]
fn debug_prints_the_message_with_its_remedy_and_causes() {
    let invalid = HttpClientError::InvalidRequest("relative URL without a base".into());
    assert_eq!(format!("{invalid:?}"), "invalid request: relative URL without a base");

    let attach = HttpClientError::from(AttachError::DuplicateHost);
    assert!(format!("{attach:?}").contains("; remove them"), "{attach:?}");

    let client_id: ClientId = "mi-1".parse().unwrap();
    let token = TokenError::new(&client_id, FetchFailure::of(TokenErrorKind::ShutDown));
    assert_eq!(format!("{:?}", HttpClientError::from(token.clone())), format!("{token:?}"));
}

#[tokio::test]
async fn debug_prints_the_cause_of_a_reqwest_error() {
    // Port 1 of the loopback host is closed.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let error = HttpClientError::from(client.get("http://127.0.0.1:1/").send().await.unwrap_err());
    let debug = format!("{error:?}");
    assert!(debug.starts_with("error sending request for url (http://127.0.0.1:1/): "), "{debug}");
    assert!(debug.contains("Connection refused"), "{debug}");
}
