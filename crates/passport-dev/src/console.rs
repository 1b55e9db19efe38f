//! The console. The program reads commands from the terminal while it runs.

mod revocation;

use std::{collections::BTreeMap, future::pending, io::stdin, str::FromStr, thread, time::Duration};

use http::StatusCode;
use passport_dev::{Counters, DevIdentity, DevPassport, Endpoint, EventReceiver, Fault};
use tokio::sync::mpsc;

use crate::registrations::UserRegistration;

/// The output of the command `help`.
const HELP: &str = "\
Commands:
  counters                     show the number of requests to each endpoint
  rotate | publish | retire    sign with a new key | publish one without signing | unpublish old keys
  kid on | kid off             set or omit the key id (kid) in new tokens
  lifetime SECONDS             set the lifetime of new tokens
  fault ENDPOINT FAULT         make an endpoint fail
                               endpoints: discovery, events-poll, introspection, jwks,
                               revocation, token
                               faults: down, html, truncated, body JSON, slow MILLISECONDS,
                               status CODE, throttled SECONDS, oversize BYTES, redirect URL
  clear ENDPOINT               end the fault of an endpoint
  identity CLIENT-ID           select the identity of the next five commands; default: the first
  secret                       add an active secret and show it
  revoke SECRET-ID             revoke a secret and its tokens
  disable | enable             reject all secrets and revoke their tokens | accept the secrets again
  roles ROLE...                set the roles of new tokens
  receiver poll AUDIENCE       let the identity poll for events
  receiver push URI AUDIENCE   push events to a receiver
  receiver logout URI CLIENT   send logout tokens to a receiver
  events                       show the events that receivers have not acknowledged or rejected
  revoke-token TOKEN           revoke a token
  session USER TENANT          start a session of a user and show its id
  logout user ID               end all sessions of a user and revoke the user's tokens
  logout session ID            end a session and revoke its tokens
  user ID ROLE...              show a user's token; without roles, that of the user in the file
  help                         list the commands
  stop                         stop the program";

/// Reads commands from the standard input and executes them, until the command `stop`. If the
/// standard input ends before a `stop`, the future never completes, so that the program
/// continues to run.
///
/// The option `--console` enables the console. The console is off by default, because the
/// operating system suspends a background process that reads from its terminal.
pub(crate) async fn run(
    passport: &DevPassport,
    identities: &[DevIdentity],
    users: &BTreeMap<String, UserRegistration>,
) {
    let (mut lines, mut selected, mut receivers) = (read_lines(), identities.first(), Vec::new());
    while let Some(line) = lines.recv().await {
        match *line.split_whitespace().collect::<Vec<_>>() {
            [] => {}
            ["stop"] => return,
            ["identity", client_id] => match identities.iter().find(|other| other.client_id() == client_id) {
                Some(identity) => selected = Some(identity),
                None => println!("unknown identity `{client_id}`"),
            },
            ref words => {
                let Some(identity) = selected else { continue };
                match execute(words, passport, identity, users, &mut receivers).await {
                    Ok(text) => println!("{text}"),
                    Err(problem) => println!("{problem}; `help` lists the commands"),
                }
            }
        }
    }
    pending::<()>().await;
}

/// Reads lines from the standard input on a separate thread, and sends them to the returned
/// receiver. A read from the terminal cannot be canceled. On a thread of the tokio runtime, it
/// would delay the shutdown until the next line.
fn read_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Executes the command `words` on `passport`, or on `identity`, the selected identity. `receivers`
/// are the receivers of events that the console has registered. Returns the output of the command.
///
/// # Errors
/// Returns a text that says what is wrong with the command.
async fn execute(
    words: &[&str],
    passport: &DevPassport,
    identity: &DevIdentity,
    users: &BTreeMap<String, UserRegistration>,
    receivers: &mut Vec<EventReceiver>,
) -> Result<String, String> {
    match *words {
        ["clear", name] => passport.clear_fault(endpoint(name)?),
        ["counters"] => return Ok(counts(passport.counters())),
        ["disable"] => identity.disable(),
        ["enable"] => identity.enable(),
        ["fault", name, ref fault @ ..] => passport.inject(endpoint(name)?, self::fault(fault)?),
        ["help"] => return Ok(HELP.to_owned()),
        ["kid", "on"] => passport.set_kid_in_tokens(true),
        ["kid", "off"] => passport.set_kid_in_tokens(false),
        ["lifetime", seconds] => passport.set_token_lifetime(Duration::from_secs(number(seconds)?)),
        ["publish"] => passport.publish_next_key().await,
        ["retire"] => passport.retire_old_keys(),
        ["revoke", secret_id] => identity.revoke_secret(secret_id),
        ["roles", ref roles @ ..] => identity.set_roles(roles.iter().copied()),
        ["rotate"] => passport.rotate_keys().await,
        ["secret"] => {
            let secret = identity.generate_secret();
            let first = identity.secret_id();
            return Ok(format!(
                "secret id {}, secret {} (id of the first secret: {first})",
                secret.id(),
                secret.value()
            ));
        }
        ["user", id, ref roles @ ..] => {
            let from_command = UserRegistration::with_roles(roles);
            let user = users.get(id).filter(|_| roles.is_empty()).unwrap_or(&from_command);
            return Ok(user.token(passport, id));
        }
        _ => {
            let output = revocation::execute(words, passport, identity, receivers).await?;
            return output.ok_or_else(|| format!("unknown command `{}`", words.join(" ")));
        }
    }
    Ok("done".to_owned())
}

/// Returns a text with the number of requests to each endpoint.
fn counts(counters: &Counters) -> String {
    format!(
        "discovery {}, events-poll {}, introspection {}, jwks {}, revocation {}, token {}",
        counters.discovery(),
        counters.events_poll(),
        counters.introspection(),
        counters.jwks(),
        counters.revocation(),
        counters.token()
    )
}

/// Parses the name of an endpoint. Returns a message if there is no such endpoint.
fn endpoint(name: &str) -> Result<Endpoint, String> {
    match name {
        "discovery" => Ok(Endpoint::Discovery),
        "events-poll" => Ok(Endpoint::EventsPoll),
        "introspection" => Ok(Endpoint::Introspection),
        "jwks" => Ok(Endpoint::Jwks),
        "revocation" => Ok(Endpoint::Revocation),
        "token" => Ok(Endpoint::Token),
        _ => Err(format!("unknown endpoint `{name}`")),
    }
}

/// Parses the name of a fault and its parameter. Returns a message if the fault or the parameter
/// is invalid.
fn fault(words: &[&str]) -> Result<Fault, String> {
    Ok(match *words {
        ["body", ref words @ ..] => Fault::Body(words.join(" ")),
        ["down"] => Fault::Down,
        ["html"] => Fault::Html,
        ["oversize", bytes] => Fault::Oversize(number(bytes)?),
        ["redirect", url] => Fault::Redirect(url.to_owned()),
        ["slow", millis] => Fault::Slow(Duration::from_millis(number(millis)?)),
        ["status", code] => Fault::Status(
            StatusCode::from_u16(number(code)?).map_err(|_| format!("invalid status `{code}`"))?,
        ),
        ["throttled", seconds] => Fault::Throttled(seconds.to_owned()),
        ["truncated"] => Fault::Truncated,
        _ => return Err(format!("invalid fault `{}`", words.join(" "))),
    })
}

/// Parses a number. Returns a message if `word` is not a number.
fn number<N: FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("invalid number `{word}`"))
}

#[cfg(test)]
mod tests;
