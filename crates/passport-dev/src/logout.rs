//! Back-channel logout ([OpenID Connect Back-Channel Logout
//! 1.0](https://openid.net/specs/openid-connect-backchannel-1_0.html)).

use futures_util::future::join_all;
use http::{StatusCode, Uri};
use passport_core::TransportError;
use serde_json::{Value, json};

use crate::{
    events::LogoutReceiver,
    jwt::{sign_statement, unix_seconds},
    post::post,
    registry::random_id,
    server_state::ServerState,
};

/// The `typ` of logout tokens.
const LOGOUT_TYPE: &str = "logout+jwt";

/// The time until a logout token expires, in seconds. The specification recommends at most two
/// minutes.
const LIFETIME: u64 = 120;

/// The result of sending a logout token to one receiver. The dev Passport sends it once.
#[derive(Debug)]
pub struct LogoutDelivery {
    uri: Uri,
    outcome: Result<StatusCode, TransportError>,
}

impl LogoutDelivery {
    /// Returns the URI of the receiver.
    #[must_use]
    pub fn uri(&self) -> String {
        self.uri.to_string()
    }

    /// Returns the status of the response. The specification requires 200 if the logout succeeded,
    /// and 400 if the logout token is invalid or the logout failed.
    ///
    /// # Errors
    /// When there is no complete response within 5 s.
    pub fn outcome(&self) -> Result<StatusCode, TransportError> {
        self.outcome.clone()
    }
}

/// Sends a logout token to each registered receiver, to all of them concurrently and without a
/// retry. `session_id` is `None` if all sessions of the user have ended.
pub(crate) async fn send_logout_tokens(
    state: &ServerState,
    user_id: &str,
    session_id: Option<&str>,
) -> Vec<LogoutDelivery> {
    let receivers = state.receivers().logout_receivers();
    let now = unix_seconds(state.clock.now());
    let deliveries = receivers.into_iter().map(|LogoutReceiver { uri, client_id }| {
        let claims = claims(state.issuer(), &client_id, now, user_id, session_id);
        send(state, uri, sign_statement(state, LOGOUT_TYPE, &claims))
    });
    join_all(deliveries).await
}

/// Sends `token` to each registered receiver as a logout token. Does not check `token`.
pub(crate) async fn send_token(state: &ServerState, token: &str) -> Vec<LogoutDelivery> {
    let receivers = state.receivers().logout_receivers();
    join_all(receivers.into_iter().map(|receiver| send(state, receiver.uri, token.to_owned()))).await
}

/// Sends a logout token to `uri`, as a form.
async fn send(state: &ServerState, uri: Uri, token: String) -> LogoutDelivery {
    // The characters of a JWT need no encoding in a form.
    let body = format!("logout_token={token}");
    let response = post(&state.transport, &uri, "application/x-www-form-urlencoded", body).await;
    LogoutDelivery { uri, outcome: response.map(|response| response.status()) }
}

/// Returns the claims of a logout token. `now` is Unix time in seconds.
fn claims(issuer: &str, client_id: &str, now: u64, user_id: &str, session_id: Option<&str>) -> Value {
    let mut claims = json!({
        "iss": issuer,
        "sub": user_id,
        "aud": client_id,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": random_id("logout-"),
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    if let Some(session_id) = session_id {
        claims["sid"] = session_id.into();
    }
    claims
}

#[cfg(test)]
mod tests;
