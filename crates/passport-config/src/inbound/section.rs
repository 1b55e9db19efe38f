//! Tables inside the configuration of a verifier, and lists of such tables.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use passport_core::{ConfigError, ConfigProblem, SecretProviders};
use schemars::{JsonSchema, Schema, json_schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    problems::{WHOLE, within},
    reader::Reader,
    setting::{Setting, problem_of},
    suggestions::plain,
    table::{self, Spelling, Values},
    value::{ConfigValue, InvalidValue},
};

/// A struct of settings that is a table in the configuration of a verifier.
pub(super) trait Section: DeserializeOwned + JsonSchema {
    /// The name of the table in `$defs` of the JSON Schema.
    const NAME: &'static str;

    /// The most important keys, for the message about a value that is not a table.
    const MAIN_KEYS: &'static str;

    /// Other names of settings: each of them, and the name of the setting.
    const OTHER_NAMES: &'static [(&'static str, &'static str)] = &[];

    /// Keys of .NET that have no effect on a verifier: each of them, and what to do instead.
    const NOT_USED: &'static [(&'static str, &'static str)] = &[];

    /// The spellings in which the table accepts its keys.
    const SPELLING: Spelling = Spelling::AnyCase { other_names: Self::OTHER_NAMES };
}

/// Reads the settings of a table, calls `build` with the settings, and returns the result of
/// `build`. Unknown keys are mistakes.
///
/// # Errors
/// A [`ConfigError`] with every mistake.
pub(super) fn build<S: Section, T>(
    values: &Values,
    secrets: &SecretProviders,
    build: impl FnOnce(&S, &mut Reader<'_>) -> Option<T>,
) -> Result<T, ConfigError> {
    let (mut reader, table) = (Reader::new(secrets), table::read_spelled(values, S::SPELLING)?);
    reader.extend(table.unknown.into_iter().map(|unknown| {
        let not_used = S::NOT_USED.iter().find(|(key, _)| plain(key) == plain(&unknown.option));
        not_used.map_or(unknown.clone(), |(_, problem)| ConfigProblem::new(unknown.option, problem))
    }));
    let built = build(&table.settings, &mut reader);
    reader.finish(built)
}

/// Returns the values of a table.
///
/// # Errors
/// A [`ConfigError`] without the value, when the value is not a table.
pub(super) fn values_of<S: Section>(value: &Value) -> Result<&Values, ConfigError> {
    let problem = || ConfigProblem::new(WHOLE, format_args!("expected a table with {}", S::MAIN_KEYS));
    value.as_object().ok_or_else(|| ConfigError::new(vec![problem()]))
}

/// A table inside a table.
pub(super) struct Table<S>(Values, PhantomData<fn() -> S>);

impl<S: Section> ConfigValue for Table<S> {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let values = value.as_object().cloned().map(|values| Self(values, PhantomData));
        values.ok_or_else(|| format!("expected a table with {}", S::MAIN_KEYS).into())
    }

    fn schema() -> Schema {
        reference::<S>()
    }
}

/// A list of tables, or a table of tables by name.
pub(super) struct Tables<S>(Vec<Entry>, PhantomData<fn() -> S>);

/// A table in a list, or in a table of tables by name.
pub(super) struct Entry {
    /// The path of the entry: `issuers[0]`, or `issuers.partner`.
    pub(super) path: String,
    /// The key of the entry in a table of tables.
    key: Option<String>,
    pub(super) value: Value,
}

impl<S: Section> ConfigValue for Tables<S> {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let entries: Vec<_> = match value {
            Value::Array(list) => list.iter().enumerate().map(Entry::numbered).collect(),
            // Otherwise the value is probably one table of the list, without the list.
            Value::Object(table) if table.values().all(Value::is_object) => {
                table.iter().map(Entry::named).collect()
            }
            _ => return Err(format!("expected a list of tables with {}", S::MAIN_KEYS).into()),
        };
        if entries.is_empty() {
            return Err("empty; add an entry or remove the key".into());
        }
        Ok(Self(entries, PhantomData))
    }

    fn schema() -> Schema {
        let list = json_schema!({ "type": "array", "items": reference::<S>(), "minItems": 1 });
        json_schema!({ "anyOf": [list, NamedTables::<S>::schema()] })
    }
}

impl Entry {
    fn numbered((number, value): (usize, &Value)) -> Self {
        Self { path: format!("[{number}]"), key: None, value: value.clone() }
    }

    fn named((key, value): (&String, &Value)) -> Self {
        Self { path: format!(".{key}"), key: Some(key.clone()), value: value.clone() }
    }

    /// Returns the key of the entry in a table of tables. Returns `None` if the key is a number,
    /// because environment variables have no other form of a list.
    pub(super) fn name(&self) -> Option<&str> {
        let is_number = |key: &&str| key.bytes().all(|byte| byte.is_ascii_digit());
        self.key.as_deref().filter(|key| !is_number(key))
    }
}

/// A table of tables by name.
pub(super) struct NamedTables<S>(Vec<Entry>, PhantomData<fn() -> S>);

impl<S: Section> ConfigValue for NamedTables<S> {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let tables = value.as_object().map(|tables| tables.iter().map(Entry::named).collect());
        tables
            .map(|tables| Self(tables, PhantomData))
            .ok_or_else(|| format!("expected a table of tables with {}", S::MAIN_KEYS).into())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "object", "additionalProperties": reference::<S>(), "minProperties": 1 })
    }
}

/// A table of strings.
pub(super) struct Texts(pub(super) BTreeMap<String, String>);

impl ConfigValue for Texts {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let problem = "expected a table of strings, for example { \"their name\" = \"our name\" }";
        let table = value.as_object().ok_or(problem)?;
        let pairs = table.iter().map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        pairs.collect::<Option<_>>().map(Self).ok_or(problem.into())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "object", "additionalProperties": { "type": "string", "minLength": 1 } })
    }
}

/// Returns a reference to the schema of a table, so that the schema of a table can contain itself.
fn reference<S: Section>() -> Schema {
    json_schema!({ "$ref": format!("#/$defs/{}", S::NAME) })
}

/// Puts the key of a list before the path of each entry.
fn with_paths(key: &str, entries: Vec<Entry>) -> Vec<Entry> {
    entries.into_iter().map(|entry| Entry { path: format!("{key}{}", entry.path), ..entry }).collect()
}

impl Reader<'_> {
    /// Builds a value from the table inside `setting`. Returns `None` if the table is missing or
    /// has a mistake. Reports its mistakes.
    pub(super) fn table<S: Section, T>(
        &mut self,
        setting: &Setting<Table<S>>,
        built: impl FnOnce(&S, &mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        let Table(values, _) = self.read(setting)?;
        self.within(setting.key(), build(&values, self.providers(), built))
    }

    /// Builds a value from the table of `entry`. Returns `None` if the table has a mistake. Reports
    /// its mistakes.
    pub(super) fn entry<S: Section, T>(
        &mut self,
        entry: &Entry,
        built: impl FnOnce(&S, &mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        let values = values_of::<S>(&entry.value);
        self.within(&entry.path, values.and_then(|values| build(values, self.providers(), built)))
    }

    /// Returns the entries of a list. Returns no entries if the list is missing or invalid.
    pub(super) fn tables<S: Section>(&mut self, setting: &Setting<Tables<S>>) -> Vec<Entry> {
        let entries = self.read(setting).map_or_else(Vec::new, |Tables(entries, _)| entries);
        with_paths(setting.key(), entries)
    }

    /// Returns the tables of a table, each with its name. Returns no tables if the table is missing
    /// or invalid.
    pub(super) fn named_tables<S: Section>(
        &mut self,
        setting: &Setting<NamedTables<S>>,
    ) -> Vec<(String, Entry)> {
        let entries = self.read(setting).map_or_else(Vec::new, |NamedTables(entries, _)| entries);
        let entries = with_paths(setting.key(), entries).into_iter();
        entries.map(|entry| (entry.key.clone().unwrap_or_default(), entry)).collect()
    }

    /// Returns the value of `result`. If `result` is the error of the table at `path`, reports its
    /// problems under the path, and returns `None`.
    fn within<T>(&mut self, path: &str, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.extend(within(path, &error))).ok()
    }

    /// Reports a mistake of the setting `key` in the table inside `setting`.
    pub(super) fn report_in<S: Section>(
        &mut self,
        setting: &Setting<Table<S>>,
        key: &str,
        problem: impl fmt::Display,
    ) {
        let values = setting.raw().and_then(Value::as_object);
        self.extend([located::<S>(setting.key(), values, key, &problem)]);
    }
}

/// Returns the value of the setting `key` in a table.
pub(super) fn find<'a, S: Section>(values: &'a Values, key: &str) -> Option<&'a Value> {
    table::find(values, S::SPELLING, key).map(|(_, value)| value)
}

/// Returns a problem of the setting `key` in the table at `path`, with the value and the spelling
/// of the key in the table.
pub(super) fn located<S: Section>(
    path: &str,
    values: Option<&Values>,
    key: &str,
    problem: &dyn fmt::Display,
) -> ConfigProblem {
    let found = values.and_then(|values| table::find(values, S::SPELLING, key));
    let (key, value) = found.map_or((key, None), |(key, value)| (key, Some(value)));
    let value = value.filter(|value| !value.is_null());
    problem_of(if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }, value, problem)
}
