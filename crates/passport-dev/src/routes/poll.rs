//! `POST /passport/events/poll`: poll delivery of Security Event Tokens
//! ([RFC 8936](https://www.rfc-editor.org/rfc/rfc8936)).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    active_token::active_claims,
    client_auth,
    oauth_error::{NO_STORE, OAuthError},
};
use crate::{
    Endpoint,
    events::{Outbox, SetError},
    server_state::ServerState,
};

/// How long a poll waits for a SET.
const LONG_POLL: Duration = Duration::from_secs(30);

/// The maximum number of SETs in a response. It is also the default of `maxEvents`.
const MAX_EVENTS: usize = 100;

/// The body of a poll (RFC 8936, section 2.2).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PollRequest {
    max_events: Option<usize>,
    return_immediately: bool,
    /// The `jti` of each SET that the receiver has accepted.
    ack: Vec<String>,
    /// The SETs that the receiver has rejected, by `jti`.
    set_errs: BTreeMap<String, SetError>,
}

/// Handles a poll. Authenticates the receiver, removes the SETs that the receiver acknowledges or
/// rejects, and returns SETs. Without a SET, waits for one, unless the receiver does not want to
/// wait. Each SET is returned again until the receiver has acknowledged or rejected it.
pub(super) async fn poll(
    State(state): State<Arc<ServerState>>,
    headers: HeaderMap,
    body: Result<Json<PollRequest>, JsonRejection>,
) -> Response {
    let outbox = match polled_outbox(&state, &headers) {
        Ok(outbox) => outbox,
        Err(error) => return error.into_response(),
    };
    let Ok(Json(request)) = body else {
        return OAuthError::invalid_request("the body must be a JSON object as in RFC 8936").into_response();
    };
    acknowledge(&outbox, &request);
    let max = request.max_events.unwrap_or(MAX_EVENTS).min(MAX_EVENTS);
    // A response that a fault replaces does not wait.
    let is_faulty = state.faults().contains_key(&Endpoint::EventsPoll);
    if !(request.return_immediately || max == 0 || is_faulty) {
        // After the time limit, the response has no SET.
        let _ = tokio::time::timeout(LONG_POLL, outbox.has_answer()).await;
    }
    (NO_STORE, Json(reply(&outbox, max))).into_response()
}

/// Authenticates a receiver by its secret (Basic) or by an active access token, and returns its
/// outbox.
fn polled_outbox(state: &ServerState, headers: &HeaderMap) -> Result<Arc<Outbox>, OAuthError> {
    const INVALID_TOKEN: OAuthError =
        OAuthError { code: "invalid_token", description: "the access token is not active" };
    let client_id = match bearer(headers) {
        Some(token) => {
            let claims = active_claims(state, token).ok_or(INVALID_TOKEN)?;
            claims.get("sub").and_then(Value::as_str).map(str::to_owned).ok_or(INVALID_TOKEN)?
        }
        None => client_auth::authenticate_basic(&state.registry(), headers)?.client_id,
    };
    state.receivers().poll_outbox(&client_id).ok_or(OAuthError {
        code: "access_denied",
        description: "the client is not registered as a receiver; call register_poll_receiver",
    })
}

/// Returns the token of an `Authorization` header with the scheme `Bearer`. Returns `None` if
/// there is no such header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Removes the SETs that `request` acknowledges or rejects.
fn acknowledge(outbox: &Outbox, request: &PollRequest) {
    for jti in &request.ack {
        outbox.acknowledge(jti);
    }
    for (jti, error) in &request.set_errs {
        outbox.fail(jti, error.to_string());
    }
}

/// Returns the body of the response, with at most `max` SETs.
fn reply(outbox: &Outbox, max: usize) -> Value {
    let (sets, has_more) = outbox.first(max);
    let sets: Map<_, _> = sets.into_iter().map(|set| (set.jti, Value::String(set.token))).collect();
    let mut reply = json!({ "sets": sets });
    if has_more {
        reply["moreAvailable"] = true.into();
    }
    reply
}

#[cfg(test)]
mod tests;
