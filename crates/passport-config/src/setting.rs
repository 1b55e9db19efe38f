use std::{borrow::Cow, fmt, marker::PhantomData};

use passport_core::ConfigProblem;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Value, json};

use crate::{secret_detection::may_contain_secret, value::ConfigValue};

/// The length of the longest value that a message shows.
const MAX_SHOWN: usize = 80;

/// The mark of a secret reference in the schema of a setting. [`table`](crate::table) removes it.
pub(crate) const SECRET_MARK: &str = "secret-reference";

/// A key of a table and its value, which has to be a `T`.
///
/// A table is a struct of settings: the name of a field is the key, its type says what the value
/// may be, and its documentation is shown by editors. A [`Reader`](crate::Reader) parses the value.
pub struct Setting<T> {
    key: String,
    /// Null if there is none.
    value: Value,
    kind: PhantomData<fn() -> T>,
}

/// A [`Setting`] of any type. Only settings implement it.
pub trait AnySetting: sealed::Sealed {}

mod sealed {
    use std::fmt;

    use passport_core::ConfigProblem;

    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait Sealed {
        /// Returns a problem of the setting: its key, its value if it may be shown, and what is
        /// wrong.
        fn problem(&self, wrong: &dyn fmt::Display) -> ConfigProblem;
    }
}

/// The first part of what a table passes to a setting, so that no other list is read as one.
const MARK: &str = "a setting of passport-config";

/// Returns what a [`Setting`] is deserialized from.
pub(crate) fn serialized(key: &str, value: Option<&Value>) -> Value {
    json!([MARK, key, value])
}

/// Reads what a table passes. A deserializer of a file or of the environment fails: it cannot pass
/// the key. The error shows no value, as serde's would.
impl<'de, T> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match <(String, String, Value)>::deserialize(deserializer) {
            Ok((mark, key, value)) if mark == MARK => Ok(Self { key, value, kind: PhantomData }),
            _ => {
                Err(D::Error::custom("settings are read by passport-config, which builds the configuration"))
            }
        }
    }
}

impl<T> Setting<T> {
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Returns the value as it was read, if there is one. Null is no value.
    pub(crate) fn raw(&self) -> Option<&Value> {
        Some(&self.value).filter(|value| !value.is_null())
    }
}

impl<T: ConfigValue> AnySetting for Setting<T> {}

impl<T: ConfigValue> sealed::Sealed for Setting<T> {
    fn problem(&self, wrong: &dyn fmt::Display) -> ConfigProblem {
        let text = self.value.to_string();
        let is_shown = self.raw().is_some()
            && !T::IS_SECRET
            && !may_contain_secret(&text)
            && text.chars().count() <= MAX_SHOWN;
        let problem = if is_shown { format!("{text}: {wrong}") } else { wrong.to_string() };
        ConfigProblem::new(self.key.clone(), problem)
    }
}

impl<T: ConfigValue> JsonSchema for Setting<T> {
    fn schema_name() -> Cow<'static, str> {
        "Setting".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = T::schema();
        if T::IS_SECRET_REFERENCE {
            schema.insert(SECRET_MARK.to_owned(), true.into());
        }
        schema
    }
}

/// Without the value, which may be a secret in the wrong place.
impl<T> fmt::Debug for Setting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("key", &self.key).finish_non_exhaustive()
    }
}
