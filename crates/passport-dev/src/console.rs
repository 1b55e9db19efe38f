//! Commands that the program reads while it runs: outages, rotations and revoked secrets.

use std::{collections::BTreeMap, future::pending, io::stdin, str::FromStr, thread, time::Duration};

use http::StatusCode;
use passport_dev::{DevIdentity, DevPassport, Endpoint, Fault};
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

#[derive(Debug, PartialEq)]
enum Command {
    Counters,
    Disable,
    Enable,
    Fault(Endpoint, Fault),
    Heal(Endpoint),
    Help,
    Identity(String),
    Kid(bool),
    Lifetime(Duration),
    Publish,
    Retire,
    Revoke(String),
    Roles(Vec<String>),
    Rotate,
    Secret,
    Stop,
    User(String, Vec<String>),
}

/// Executes commands until `stop`. Never completes if the input ends before. Runs only on demand:
/// the system stops a program in the background that reads from its terminal.
pub(crate) async fn run(
    passport: &DevPassport,
    identities: &[DevIdentity],
    users: &BTreeMap<String, UserRegistration>,
) {
    let (mut lines, mut selected) = (read_lines(), identities.first());
    while let Some(line) = lines.recv().await {
        if line.trim().is_empty() {
            continue;
        }
        match line.parse() {
            Ok(Command::Stop) => return,
            Ok(Command::Identity(id)) => match identities.iter().find(|other| other.client_id() == id) {
                Some(identity) => selected = Some(identity),
                None => println!("there is no identity `{id}`"),
            },
            Ok(command) => {
                if let Some(identity) = selected {
                    println!("{}", execute(command, passport, identity, users).await);
                }
            }
            Err(problem) => println!("{problem}; `help` lists what can be typed"),
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

async fn execute(
    command: Command,
    passport: &DevPassport,
    identity: &DevIdentity,
    users: &BTreeMap<String, UserRegistration>,
) -> String {
    match command {
        Command::Counters => {
            let counters = passport.counters();
            return format!(
                "discovery {}, introspection {}, jwks {}, token {}",
                counters.discovery(),
                counters.introspection(),
                counters.jwks(),
                counters.token()
            );
        }
        Command::Disable => identity.disable(),
        Command::Enable => identity.enable(),
        Command::Fault(endpoint, fault) => passport.inject(endpoint, fault),
        Command::Heal(endpoint) => passport.heal(endpoint),
        Command::Help | Command::Identity(_) | Command::Stop => return HELP.to_owned(),
        Command::Kid(kid) => passport.set_kid_in_tokens(kid),
        Command::Lifetime(lifetime) => passport.set_token_lifetime(lifetime),
        Command::Publish => passport.publish_next_key().await,
        Command::Retire => passport.retire_old_keys(),
        Command::Revoke(secret_id) => identity.revoke_secret(&secret_id),
        Command::Roles(roles) => identity.set_roles(roles),
        Command::Rotate => passport.rotate_keys().await,
        Command::Secret => {
            let secret = identity.generate_secret();
            return format!("{} {} (the first one is {})", secret.id(), secret.value(), identity.secret_id());
        }
        Command::User(id, roles) => {
            let user = users.get(&id).filter(|_| roles.is_empty()).cloned();
            return user.unwrap_or_else(|| UserRegistration::with_roles(roles)).token(passport, &id);
        }
    }
    "done".to_owned()
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let words: Vec<_> = line.split_whitespace().collect();
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Ok(match *words {
            ["counters"] => Self::Counters,
            ["disable"] => Self::Disable,
            ["enable"] => Self::Enable,
            ["fault", name, ref fault @ ..] => Self::Fault(endpoint(name)?, self::fault(fault)?),
            ["heal", name] => Self::Heal(endpoint(name)?),
            ["help"] => Self::Help,
            ["identity", client_id] => Self::Identity(client_id.to_owned()),
            ["kid", "on"] => Self::Kid(true),
            ["kid", "off"] => Self::Kid(false),
            ["lifetime", seconds] => Self::Lifetime(Duration::from_secs(number(seconds)?)),
            ["publish"] => Self::Publish,
            ["retire"] => Self::Retire,
            ["revoke", secret_id] => Self::Revoke(secret_id.to_owned()),
            ["roles", ref roles @ ..] => Self::Roles(owned(roles)),
            ["rotate"] => Self::Rotate,
            ["secret"] => Self::Secret,
            ["stop"] => Self::Stop,
            ["user", id, ref roles @ ..] => Self::User(id.to_owned(), owned(roles)),
            _ => return Err(format!("`{line}` is not a command")),
        })
    }
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
