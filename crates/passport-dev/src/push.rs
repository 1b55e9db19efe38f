//! Push delivery of Security Event Tokens
//! ([RFC 8935](https://www.rfc-editor.org/rfc/rfc8935)).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use passport_core::{Transport, TransportError};

use crate::{
    events::{Outbox, QueuedSet, SetError},
    post::post,
};

/// The delays before the second and the third attempt to deliver a SET. There is no fourth.
const RETRY_DELAYS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];

/// Sends the SETs of `outbox` to `uri`, one after the other. A SET that cannot be delivered becomes
/// a failure of the outbox. The future never completes.
pub(crate) async fn push_sets(outbox: Arc<Outbox>, uri: Uri, transport: Transport) {
    loop {
        let set = outbox.oldest().await;
        match deliver(&transport, &uri, &set).await {
            Ok(()) => outbox.acknowledge(&set.jti),
            Err(reason) => outbox.fail(&set.jti, reason),
        }
    }
}

/// Sends a SET, at most three times. Returns the reason if no attempt has succeeded, or if the
/// receiver has rejected the SET.
async fn deliver(transport: &Transport, uri: &Uri, set: &QueuedSet) -> Result<(), String> {
    let mut delays = RETRY_DELAYS.into_iter();
    loop {
        let response = post(transport, uri, "application/secevent+jwt", set.token.clone()).await;
        let problem = match Outcome::of(response) {
            Outcome::Accepted => return Ok(()),
            Outcome::Rejected(problem) => return Err(problem),
            Outcome::Unavailable(problem) => problem,
        };
        match delays.next() {
            Some(delay) => tokio::time::sleep(delay).await,
            None => return Err(problem),
        }
    }
}

/// The outcome of one attempt.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    /// Another attempt would have the same outcome.
    Rejected(String),
    /// Another attempt can succeed.
    Unavailable(String),
}

impl Outcome {
    /// Returns the outcome of an attempt with this response.
    fn of(response: Result<Response<Bytes>, TransportError>) -> Self {
        let response = match response {
            Ok(response) => response,
            Err(error) if error.is_transient() => return Self::Unavailable(error.to_string()),
            Err(error) => return Self::Rejected(error.to_string()),
        };
        let status = response.status();
        let is_transient = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        if status.is_success() {
            Self::Accepted
        } else if is_transient {
            Self::Unavailable(format!("status {}", status.as_u16()))
        } else {
            let error = serde_json::from_slice::<SetError>(response.body());
            let error = error.map_or_else(|_| String::new(), |error| format!(", {error}"));
            Self::Rejected(format!("status {}{error}", status.as_u16()))
        }
    }
}

#[cfg(test)]
mod tests;
