use std::{borrow::Cow, fmt, marker::PhantomData};

use passport_core::ConfigProblem;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Value, json};

use crate::{secret_detection::may_contain_secret, value::ConfigValue};

/// The maximum length of a value in a message, in characters. Messages omit longer values.
const MAX_SHOWN: usize = 80;

/// The keyword that marks a secret reference in a generated schema. [`table`](crate::table)
/// removes the keyword before the schema is returned.
pub(crate) const SECRET_MARK: &str = "secret-reference";

/// A key of a table, and the unparsed value of the key. The type of the parsed value is `T`.
///
/// A table is a struct of settings. The name of a field is the key. The type of the field
/// defines the valid values. The documentation of the field becomes the description of the key
/// in the JSON Schema. A [`Reader`](crate::Reader) parses the value.
pub struct Setting<T> {
    key: String,
    /// The unparsed value, or null if the key is missing.
    value: Value,
    kind: PhantomData<fn() -> T>,
}

/// A [`Setting`] of any type. This trait is sealed: only [`Setting`] implements it.
pub trait AnySetting: sealed::Sealed {}

mod sealed {
    use std::fmt;

    use passport_core::ConfigProblem;

    #[expect(unnameable_types, reason = "this seals the trait above")]
    pub trait Sealed {
        /// Returns a problem with the key of the setting and `message`. The problem also contains
        /// the value, unless the value is missing, is too long or can be a secret.
        fn problem(&self, message: &dyn fmt::Display) -> ConfigProblem;
    }
}

/// The first element of a serialized setting, which distinguishes the setting from other lists.
const MARK: &str = "a setting of passport-config";

/// Returns `key` and `value` in the form from which a [`Setting`] is deserialized.
pub(crate) fn serialized(key: &str, value: Option<&Value>) -> Value {
    json!([MARK, key, value])
}

/// Accepts only the output of `serialized`. Values from a file or the environment are rejected,
/// because a deserializer does not provide the key of a value. The error contains no value,
/// unlike the errors of serde.
impl<'de, T> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match <(String, String, Value)>::deserialize(deserializer) {
            Ok((mark, key, value)) if mark == MARK => Ok(Self { key, value, kind: PhantomData }),
            _ => Err(D::Error::custom(
                "settings can be read only by passport-config; deserialize a configuration, and build it",
            )),
        }
    }
}

impl<T> Setting<T> {
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Returns the unparsed value, or `None` if it is missing or null.
    pub(crate) fn raw(&self) -> Option<&Value> {
        Some(&self.value).filter(|value| !value.is_null())
    }
}

impl<T: ConfigValue> AnySetting for Setting<T> {}

impl<T: ConfigValue> sealed::Sealed for Setting<T> {
    fn problem(&self, message: &dyn fmt::Display) -> ConfigProblem {
        let value = self.raw().filter(|_| !T::IS_SECRET);
        problem_of(self.key.clone(), value, message)
    }
}

/// Returns a problem with a key and `message`. The problem also contains the value, unless the
/// value is missing, is too long or can be a secret.
pub(crate) fn problem_of(key: String, value: Option<&Value>, message: &dyn fmt::Display) -> ConfigProblem {
    let text = value.map(Value::to_string);
    let shown = text.filter(|text| !may_contain_secret(text) && text.chars().count() <= MAX_SHOWN);
    let problem = shown.map_or_else(|| message.to_string(), |text| format!("{text}: {message}"));
    ConfigProblem::new(key, problem)
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

/// Omits the value, which can be a secret that was set by mistake.
impl<T> fmt::Debug for Setting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("key", &self.key).finish_non_exhaustive()
    }
}
