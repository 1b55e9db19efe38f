//! The types that the value of a setting may have.

mod duration;

use std::{borrow::Cow, fmt};

use http::HeaderValue;
use schemars::{Schema, json_schema};
use serde_json::Value;

/// What is wrong with a value, and what to do. It does not quote the value.
pub type InvalidValue = Cow<'static, str>;

/// A type that the value of a [`Setting`](crate::Setting) may have. Each value may be a text, as
/// the environment has no other type.
///
/// ```
/// use std::net::IpAddr;
///
/// use passport_config::{ConfigValue, InvalidValue};
/// use schemars::{Schema, json_schema};
/// use serde_json::Value;
///
/// struct Address(IpAddr);
///
/// impl ConfigValue for Address {
///     fn parse(value: &Value) -> Result<Self, InvalidValue> {
///         let address = String::parse(value)?.parse().map(Self);
///         address.map_err(|_| "it is not an IP address; write one, such as 10.0.0.1".into())
///     }
///
///     fn schema() -> Schema {
///         json_schema!({ "type": "string" })
///     }
/// }
/// ```
pub trait ConfigValue: Sized {
    /// Whether the value may be a secret, or contain one, so that no message shows it. Defaults to
    /// whether it is a reference of secrets.
    const IS_SECRET: bool = Self::IS_SECRET_REFERENCE;

    /// Whether the value is a reference of a secret such as `env:NAME`, or a list of references.
    /// `secret_sources` of a configuration returns those of a store by this constant. Defaults to
    /// false.
    const IS_SECRET_REFERENCE: bool = false;

    /// Parses a value, which is not null.
    ///
    /// # Errors
    /// What is wrong with the value, and what to do.
    fn parse(value: &Value) -> Result<Self, InvalidValue>;

    /// Returns the JSON Schema of a value.
    #[must_use]
    fn schema() -> Schema;

    /// Returns a warning for the log about a value that is valid but probably a mistake: what is
    /// suspicious, and what to do. The value must not be a secret. Returns none by default.
    #[must_use]
    fn warning(value: &Value) -> Option<String> {
        let _ = value;
        None
    }
}

/// A text that is not empty, or a number: a client id may consist of digits.
impl ConfigValue for String {
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
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let wrong = "it is not the value of a header; write product/version, such as erp-sync/1.4";
        Self::try_from(String::parse(value)?).map_err(|_| wrong.into())
    }

    fn schema() -> Schema {
        String::schema()
    }
}

/// A list of texts, or one text with spaces or commas in between.
impl ConfigValue for Vec<String> {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
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
        let words: Self = words.ok_or("it has to be a list of texts, or one text with spaces in between")?;
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
pub struct SecretReference(pub(crate) String);

impl ConfigValue for SecretReference {
    const IS_SECRET_REFERENCE: bool = true;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        String::parse(value).map(Self)
    }

    fn schema() -> Schema {
        String::schema()
    }
}

/// References of secrets: a list, or one text with spaces in between. No message shows them.
pub struct SecretReferences(pub(crate) Vec<String>);

impl ConfigValue for SecretReferences {
    const IS_SECRET_REFERENCE: bool = true;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Vec::parse(value).map(Self)
    }

    fn schema() -> Schema {
        Vec::schema()
    }
}

/// Without the reference, which may be a secret in the wrong place.
impl fmt::Debug for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretReference").finish_non_exhaustive()
    }
}

/// Without the references, which may be secrets in the wrong place.
impl fmt::Debug for SecretReferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretReferences").finish_non_exhaustive()
    }
}

/// A value that is one of a few words, in any case.
pub(crate) trait Choice: Clone + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Choice> ConfigValue for T {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let text = String::parse(value)?;
        let found = T::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        found
            .map(|(_, choice)| choice.clone())
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
