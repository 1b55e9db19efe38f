//! The types that the value of a setting may have.

mod duration;

use std::borrow::Cow;

use http::HeaderValue;
use schemars::{Schema, json_schema};
use serde_json::Value;

/// What is wrong with a value, and what to do. It does not quote the value.
pub type InvalidValue = Cow<'static, str>;

/// A type that the value of a [`Setting`](crate::Setting) may have. Each value may be a text, as
/// the environment has no other type.
pub trait ConfigValue {
    /// The type of the parsed value.
    type Output;

    /// Whether the value may be a secret, or contain one, so that no message shows it. Defaults to
    /// false.
    const IS_SECRET: bool = false;

    /// Parses a value, which is not null.
    ///
    /// # Errors
    /// What is wrong with the value, and what to do.
    fn parse(value: &Value) -> Result<Self::Output, InvalidValue>;

    /// Returns the JSON Schema of a value.
    #[must_use]
    fn schema() -> Schema;

    /// Returns what was probably meant instead, for a value that is valid but suspicious.
    #[must_use]
    fn suspicion(value: &Value) -> Option<String> {
        let _ = value;
        None
    }
}

/// A text that is not empty, or a number: a client id may consist of digits.
impl ConfigValue for String {
    type Output = Self;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return Err("it has to be a text; write one, in quotes".into()),
        };
        if text.is_empty() {
            return Err("it is empty; give it a value or leave the key out".into());
        }
        Ok(text)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// True or false.
impl ConfigValue for bool {
    type Output = Self;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let parsed = match value {
            Value::Bool(switch) => Some(*switch),
            Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        parsed.ok_or("it is neither true nor false".into())
    }

    fn schema() -> Schema {
        json_schema!({ "enum": [true, false, "true", "false"] })
    }
}

/// The value of a header.
impl ConfigValue for HeaderValue {
    type Output = Self;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let wrong = "it is not the value of a header; write product/version, such as erp-sync/1.4";
        Self::try_from(String::parse(value)?).map_err(|_| wrong.into())
    }

    fn schema() -> Schema {
        String::schema()
    }
}

/// A list of texts, or one text with spaces or commas in between.
#[derive(Debug)]
pub enum Words {}

impl ConfigValue for Words {
    type Output = Vec<String>;

    fn parse(value: &Value) -> Result<Vec<String>, InvalidValue> {
        let words = match value {
            Value::String(text) => {
                let words = text.split([' ', ',']).filter(|word| !word.is_empty());
                Some(words.map(str::to_owned).collect())
            }
            Value::Array(values) => {
                values.iter().map(|value| value.as_str().map(|text| text.trim().to_owned())).collect()
            }
            _ => None,
        };
        let words: Vec<_> =
            words.ok_or("it has to be a list of texts, or one text with spaces in between")?;
        if words.is_empty() {
            return Err("it is empty; name at least one or leave the key out".into());
        }
        Ok(words)
    }

    fn schema() -> Schema {
        let list = json_schema!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
        json_schema!({ "anyOf": [String::schema(), list] })
    }
}

/// The reference of a secret: `env:NAME`, `file:/path`. No message shows it.
#[derive(Debug)]
pub enum SecretReference {}

impl ConfigValue for SecretReference {
    type Output = String;

    const IS_SECRET: bool = true;

    fn parse(value: &Value) -> Result<String, InvalidValue> {
        String::parse(value)
    }

    fn schema() -> Schema {
        secret(String::schema())
    }
}

/// References of secrets: a list, or one text with spaces in between. No message shows them.
#[derive(Debug)]
pub enum SecretReferences {}

impl ConfigValue for SecretReferences {
    type Output = Vec<String>;

    const IS_SECRET: bool = true;

    fn parse(value: &Value) -> Result<Vec<String>, InvalidValue> {
        Words::parse(value)
    }

    fn schema() -> Schema {
        secret(Words::schema())
    }
}

/// The format of secret references in a schema.
pub(crate) const SECRET_FORMAT: &str = "secret-reference";

fn secret(mut schema: Schema) -> Schema {
    schema.insert("format".to_owned(), SECRET_FORMAT.into());
    schema
}

/// A value that is one of a few words, in any case.
pub(crate) trait Choice: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Choice> ConfigValue for T {
    type Output = Self;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let text = String::parse(value)?;
        let found = T::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        found
            .map(|(_, choice)| *choice)
            .ok_or_else(|| format!("it is not one of {}", words::<T>().join(", ")).into())
    }

    fn schema() -> Schema {
        json_schema!({ "enum": words::<T>() })
    }
}

fn words<T: Choice>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

#[cfg(test)]
mod tests;
