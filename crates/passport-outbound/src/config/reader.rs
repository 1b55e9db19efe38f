//! Takes values out of a table by their keys, and notes everything that is wrong with them.

use std::{collections::BTreeMap, fmt, time::Duration};

use passport_core::ConfigProblem;
use serde_json::Value;

use super::{
    key::{ConfigKey, Kind},
    kubernetes::is_service_variable,
    value::{InvalidValue, duration, milliseconds_suspected},
};
use crate::metrics::TARGET;

/// The longest value that a message shows.
const MAX_SHOWN: usize = 80;

/// Where a JSON file says which schema it has.
const FOR_EDITORS: &str = "$schema";

const LEAST_OF_A_SECRET: usize = 16;

pub(super) struct Reader<'a> {
    /// Those that there may be.
    keys: &'static [ConfigKey],
    values: &'a BTreeMap<String, Value>,
    problems: &'a mut Vec<ConfigProblem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        keys: &'static [ConfigKey],
        values: &'a BTreeMap<String, Value>,
        problems: &'a mut Vec<ConfigProblem>,
    ) -> Self {
        Self { keys, values, problems }
    }

    /// The value at `key`, if there is one and it is good; null is none.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        read: fn(&Value) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let value = self.values.get(key).filter(|value| !value.is_null())?;
        read(value).map_err(|wrong| self.wrong(key, wrong)).ok()
    }

    /// Reads a length of time. Warns when it looks like a number of milliseconds.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let time = self.read(key, duration)?;
        if let Some(advice) = self.values.get(key).and_then(milliseconds_suspected) {
            tracing::warn!(target: TARGET, key, "a configured time is suspiciously long: {advice}");
        }
        Some(time)
    }

    /// Whether there is a table at `key` with `name` in it. It is not judged.
    pub(super) fn names(&self, key: &str, name: &str) -> bool {
        self.values.get(key).and_then(|table| table.get(name)).is_some()
    }

    /// Reads the value at `key`, which has to be there.
    pub(super) fn require<T>(
        &mut self,
        key: &'static str,
        read: fn(&Value) -> Result<T, InvalidValue>,
        remedy: &'static str,
    ) -> Option<T> {
        if self.values.get(key).is_none_or(Value::is_null) {
            self.problems.push(ConfigProblem::new(key, format_args!("it is missing; {remedy}")));
        }
        self.read(key, read)
    }

    /// What `read` makes of the value, which is good in itself; or there is none, and `otherwise` is taken.
    pub(super) fn collect<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|wrong| self.wrong(key, wrong)).ok()
    }

    pub(super) fn wrong(&mut self, key: &'static str, wrong: impl fmt::Display) {
        let problem = match self.values.get(key).and_then(|value| self.shown(key, value)) {
            Some(value) => format!("{value}: {wrong}"),
            None => wrong.to_string(),
        };
        self.problems.push(ConfigProblem::new(key, problem));
    }

    /// Notes each unknown key, with the one that may be meant, except for those that Kubernetes
    /// sets. The value is not shown: it could be a secret.
    pub(super) fn refuse_unknown_keys(&mut self) {
        let is_known = |key: &str| key == FOR_EDITORS || self.keys.iter().any(|known| known.name == key);
        for (key, value) in self.values.iter().filter(|(key, _)| !is_known(key)) {
            if is_service_variable(key, value) {
                continue;
            }
            self.problems.push(ConfigProblem::new(key.clone(), advice(self.keys, key)));
        }
    }

    /// Notes what was found elsewhere.
    pub(super) fn note(&mut self, problems: impl Iterator<Item = ConfigProblem>) {
        self.problems.extend(problems);
    }

    /// The value as it stands there, unless it could hold a secret.
    fn shown(&self, key: &str, value: &Value) -> Option<String> {
        let kind = self.keys.iter().find(|known| known.name == key).map(|known| known.kind)?;
        let text = value.to_string();
        let is_a_secret_s = matches!(kind, Kind::SecretReference | Kind::SecretReferences | Kind::Store);
        let may_hold_a_secret = is_a_secret_s || has_credentials(&text) || has_a_secret(&text);
        (!may_hold_a_secret && text.chars().count() <= MAX_SHOWN).then_some(text)
    }
}

/// A URL may carry a password, or a key in its query.
fn has_credentials(text: &str) -> bool {
    text.contains("://") && text.contains(['@', '?'])
}

/// People paste what they have into the wrong line. What a vault or a generator makes is long, and mixes letters with digits or
/// small ones with capitals; names, words and hosts are shorter, or do not.
fn has_a_secret(text: &str) -> bool {
    let runs = text.split(|letter: char| !(letter.is_alphanumeric() || "+/=~_-".contains(letter)));
    let is_mixed = |run: &str| {
        let kinds: [fn(char) -> bool; 3] =
            [|letter| letter.is_ascii_digit(), char::is_uppercase, char::is_lowercase];
        kinds.iter().filter(|kind| run.contains(**kind)).count() > 1
    };
    let known = ["mics_sk_", "PRIVATE KEY"].iter().any(|look| text.contains(look));
    known || runs.filter(|run| run.len() >= LEAST_OF_A_SECRET).any(is_mixed)
}

fn advice(keys: &[ConfigKey], key: &str) -> String {
    let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    if ["clientsecret", "secret", "password", "clientkey", "privatekey"].contains(&plain(key).as_str()) {
        return "a secret does not belong here; put it where a reference points (env:NAME, file:/path). If it is an \
                environment variable that a common prefix has brought here, call it something else"
            .to_owned();
    }
    let likeness = |known: &str| strsim::jaro_winkler(&plain(key), &plain(known));
    let likest =
        keys.iter().map(|known| known.name).max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    if let Some(known) = likest.filter(|known| likeness(known) > 0.85) {
        return format!("there is no such key; did you mean `{known}`?");
    }
    let known: Vec<_> = keys.iter().map(|known| known.name).collect();
    format!("there is no such key; there are {}", known.join(", "))
}
