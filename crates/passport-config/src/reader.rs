//! Reads the values of a table by their keys, and collects all mistakes.

use std::{collections::BTreeMap, fmt, time::Duration};

use passport_core::ConfigProblem;
use serde_json::Value;

use crate::{
    key::{ConfigKey, ValueKind},
    kubernetes::is_service_variable,
    secret_detection::may_contain_secret,
    value::{InvalidValue, duration, milliseconds_suspected},
};

/// The log target, that of the outbound side.
const TARGET: &str = "passport::outbound";

/// The length of the longest value that a message shows.
const MAX_SHOWN: usize = 80;

/// The key by which a JSON file names its schema.
const SCHEMA_KEY: &str = "$schema";

pub(crate) struct Reader<'a> {
    /// The known keys.
    keys: &'static [ConfigKey],
    values: &'a BTreeMap<String, Value>,
    problems: &'a mut Vec<ConfigProblem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        keys: &'static [ConfigKey],
        values: &'a BTreeMap<String, Value>,
        problems: &'a mut Vec<ConfigProblem>,
    ) -> Self {
        Self { keys, values, problems }
    }

    /// Reads the value at `key`, if it is there and valid. Null is no value.
    pub(crate) fn read<T>(
        &mut self,
        key: &'static str,
        read: fn(&Value) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let value = self.values.get(key).filter(|value| !value.is_null())?;
        read(value).map_err(|wrong| self.wrong(key, wrong)).ok()
    }

    /// Reads a duration. Warns when it looks like a number of milliseconds.
    pub(crate) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let time = self.read(key, duration)?;
        if let Some(advice) = self.values.get(key).and_then(milliseconds_suspected) {
            tracing::warn!(target: TARGET, key, "a configured time is suspiciously long: {advice}");
        }
        Some(time)
    }

    /// Returns whether there is a table at `key` with the key `name`. Its value is not checked.
    pub(crate) fn names(&self, key: &str, name: &str) -> bool {
        self.values.get(key).and_then(|table| table.get(name)).is_some()
    }

    /// Reads the value at `key`, which is required.
    pub(crate) fn require<T>(
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

    /// Returns the value of `result`, or reports its error for `key`.
    pub(crate) fn collect<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|wrong| self.wrong(key, wrong)).ok()
    }

    /// Reports a mistake at `key`, with the value if it may be shown.
    pub(crate) fn wrong(&mut self, key: &'static str, wrong: impl fmt::Display) {
        let problem = match self.values.get(key).and_then(|value| self.shown(key, value)) {
            Some(value) => format!("{value}: {wrong}"),
            None => wrong.to_string(),
        };
        self.problems.push(ConfigProblem::new(key, problem));
    }

    /// Reports each unknown key, with the key that may be meant, except for those that Kubernetes
    /// sets. The value is not shown: it could be a secret.
    pub(crate) fn refuse_unknown_keys(&mut self) {
        let is_known = |key: &str| key == SCHEMA_KEY || self.keys.iter().any(|known| known.name == key);
        for (key, value) in self.values.iter().filter(|(key, _)| !is_known(key)) {
            if is_service_variable(key, value) {
                continue;
            }
            self.problems.push(ConfigProblem::new(key.clone(), advice(self.keys, key)));
        }
    }

    /// Adds mistakes that were found elsewhere.
    pub(crate) fn extend(&mut self, problems: impl Iterator<Item = ConfigProblem>) {
        self.problems.extend(problems);
    }

    /// Returns the value as text, unless it may contain a secret.
    fn shown(&self, key: &str, value: &Value) -> Option<String> {
        let kind = self.keys.iter().find(|known| known.name == key).map(|known| known.kind)?;
        let text = value.to_string();
        let is_of_a_secret =
            matches!(kind, ValueKind::SecretReference | ValueKind::SecretReferences | ValueKind::Store);
        let may_hold_a_secret = is_of_a_secret || may_contain_secret(&text);
        (!may_hold_a_secret && text.chars().count() <= MAX_SHOWN).then_some(text)
    }
}

/// Returns what to do about an unknown key.
fn advice(keys: &[ConfigKey], key: &str) -> String {
    let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    if ["clientsecret", "secret", "password", "clientkey", "privatekey"].contains(&plain(key).as_str()) {
        return "a secret does not belong here; put it where a reference points (env:NAME, file:/path). If it is an \
                environment variable that a common prefix has brought here, call it something else"
            .to_owned();
    }
    let likeness = |known: &str| strsim::jaro_winkler(&plain(key), &plain(known));
    let most_alike =
        keys.iter().map(|known| known.name).max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    if let Some(known) = most_alike.filter(|known| likeness(known) > 0.85) {
        return format!("there is no such key; did you mean `{known}`?");
    }
    let known: Vec<_> = keys.iter().map(|known| known.name).collect();
    format!("there is no such key; there are {}", known.join(", "))
}
