//! The console's commands for sessions, for the revocation of tokens, and for the receivers of
//! events and of logout tokens.

use passport_dev::{DevIdentity, DevPassport, EventReceiver, LogoutDelivery};

/// Executes the command `words`. `identity` is the selected identity, and `receivers` are the
/// receivers of events that the console has registered. Returns the output of the command, or
/// `None` if this module has no such command.
///
/// # Errors
/// Returns a text that says what is wrong with the command.
pub(super) async fn execute(
    words: &[&str],
    passport: &DevPassport,
    identity: &DevIdentity,
    receivers: &mut Vec<EventReceiver>,
) -> Result<Option<String>, String> {
    let invalid = |error: passport_dev::InvalidReceiverUri| error.to_string();
    match *words {
        ["events"] => return Ok(Some(pending(receivers))),
        ["logout", "session", id] => return Ok(Some(results(&passport.log_out_session(id).await))),
        ["logout", "user", id] => return Ok(Some(results(&passport.log_out_user(id).await))),
        ["receiver", "logout", uri, client_id] => {
            passport.register_logout_receiver(uri, client_id).map_err(invalid)?;
        }
        ["receiver", "poll", audience] => receivers.push(passport.register_poll_receiver(identity, audience)),
        ["receiver", "push", uri, audience] => {
            receivers.push(passport.register_push_receiver(uri, audience).map_err(invalid)?);
        }
        ["revoke-token", token] => passport.revoke_token(token),
        ["session", user_id, tenant_id] => return Ok(Some(passport.start_session(user_id, tenant_id))),
        _ => return Ok(None),
    }
    Ok(Some("done".to_owned()))
}

/// Returns a text with the result of each logout token.
fn results(deliveries: &[LogoutDelivery]) -> String {
    let lines = deliveries.iter().map(|delivery| {
        let outcome = delivery
            .outcome()
            .map_or_else(|error| error.to_string(), |status| format!("status {}", status.as_u16()));
        format!("\n{}: {outcome}", delivery.uri())
    });
    format!("logout tokens sent: {}{}", deliveries.len(), lines.collect::<String>())
}

/// Returns a text with the number of pending SETs and the failures of each receiver.
fn pending(receivers: &[EventReceiver]) -> String {
    let lines = receivers.iter().enumerate().map(|(index, receiver)| {
        let failures = receiver.failures();
        let failed = failures.iter().map(|failure| format!("\n  {}: {}", failure.jti(), failure.reason()));
        format!(
            "\nreceiver {}: {} pending, {} failed{}",
            index + 1,
            receiver.pending(),
            failures.len(),
            failed.collect::<String>()
        )
    });
    format!("receivers: {}{}", receivers.len(), lines.collect::<String>())
}
