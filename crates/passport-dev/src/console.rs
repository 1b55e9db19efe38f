//! Commands that the program reads while it runs: outages, rotations and revoked secrets.

use std::{collections::BTreeMap, future::pending, io::stdin, str::FromStr, thread, time::Duration};

use http::StatusCode;
use passport_dev::{Counters, DevIdentity, DevPassport, Endpoint, Fault};
use tokio::sync::mpsc;

use crate::registrations::UserRegistration;

const HELP: &str = "\
  counters                     how often each endpoint was asked
  rotate | publish | retire    sign with a new key | publish one | unpublish all but the signing one
  kid on | kid off             whether new tokens name their key
  lifetime SECONDS             how long new tokens last
  fault ENDPOINT FAULT         discovery, introspection, jwks or token; down, html, truncated, body JSON, slow MILLISECONDS,
                               status CODE, throttled SECONDS, oversize BYTES or redirect URL
  heal ENDPOINT                end its fault
  identity CLIENT-ID           the identity of the four commands below; the first of the list by default
  secret                       another active secret
  revoke SECRET-ID             refuse a secret, revoke its tokens
  disable | enable             the identity
  roles ROLE...                its roles from the next token on
  user ID ROLE...              a user's token; without roles that of the user in the file
  stop";

/// Executes commands until `stop`. Never completes if the input ends before. Runs only on demand:
/// the system stops a program in the background that reads from its terminal.
pub(crate) async fn run(
    passport: &DevPassport,
    identities: &[DevIdentity],
    users: &BTreeMap<String, UserRegistration>,
) {
    let (mut lines, mut selected) = (read_lines(), identities.first());
    while let Some(line) = lines.recv().await {
        match *line.split_whitespace().collect::<Vec<_>>() {
            [] => {}
            ["stop"] => return,
            ["identity", client_id] => match identities.iter().find(|other| other.client_id() == client_id) {
                Some(identity) => selected = Some(identity),
                None => println!("there is no identity `{client_id}`"),
            },
            ref words => {
                let Some(identity) = selected else { continue };
                match execute(words, passport, identity, users).await {
                    Ok(text) => println!("{text}"),
                    Err(problem) => println!("{problem}; `help` lists what can be typed"),
                }
            }
        }
    }
    pending::<()>().await;
}

/// Reads lines in a thread of its own: a read from the terminal cannot be canceled, and on a thread
/// of the runtime it would delay the shutdown until a key is pressed.
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

/// Executes the command of these words, and returns what is printed.
async fn execute(
    words: &[&str],
    passport: &DevPassport,
    identity: &DevIdentity,
    users: &BTreeMap<String, UserRegistration>,
) -> Result<String, String> {
    match *words {
        ["counters"] => return Ok(counts(passport.counters())),
        ["disable"] => identity.disable(),
        ["enable"] => identity.enable(),
        ["fault", name, ref fault @ ..] => passport.inject(endpoint(name)?, self::fault(fault)?),
        ["heal", name] => passport.clear_fault(endpoint(name)?),
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
            return Ok(format!("{} {} (the first one is {first})", secret.id(), secret.value()));
        }
        ["user", id, ref roles @ ..] => {
            let given = UserRegistration::with_roles(roles);
            let user = users.get(id).filter(|_| roles.is_empty()).unwrap_or(&given);
            return Ok(user.token(passport, id));
        }
        _ => return Err(format!("`{}` is not a command", words.join(" "))),
    }
    Ok("done".to_owned())
}

fn counts(counters: &Counters) -> String {
    format!(
        "discovery {}, introspection {}, jwks {}, token {}",
        counters.discovery(),
        counters.introspection(),
        counters.jwks(),
        counters.token()
    )
}

fn endpoint(name: &str) -> Result<Endpoint, String> {
    match name {
        "discovery" => Ok(Endpoint::Discovery),
        "introspection" => Ok(Endpoint::Introspection),
        "jwks" => Ok(Endpoint::Jwks),
        "token" => Ok(Endpoint::Token),
        _ => Err(format!("`{name}` is not an endpoint")),
    }
}

fn fault(words: &[&str]) -> Result<Fault, String> {
    Ok(match *words {
        ["body", ref words @ ..] => Fault::Body(words.join(" ")),
        ["down"] => Fault::Down,
        ["html"] => Fault::Html,
        ["oversize", bytes] => Fault::Oversize(number(bytes)?),
        ["redirect", url] => Fault::Redirect(url.to_owned()),
        ["slow", millis] => Fault::Slow(Duration::from_millis(number(millis)?)),
        ["status", code] => Fault::Status(
            StatusCode::from_u16(number(code)?).map_err(|_| format!("`{code}` is not a status"))?,
        ),
        ["throttled", seconds] => Fault::Throttled(seconds.to_owned()),
        ["truncated"] => Fault::Truncated,
        _ => return Err(format!("`{}` is not a fault", words.join(" "))),
    })
}

fn number<N: FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("`{word}` is not such a number"))
}

#[cfg(test)]
mod tests;
