//! The types of the values of settings.

mod duration;
#[cfg(feature = "inbound")]
mod number;

use std::{borrow::Cow, fmt};

use http::HeaderValue;
use schemars::{Schema, json_schema};
use serde_json::Value;

/// The error message for an invalid value: what is wrong and the remedy, without the value.
pub type InvalidValue = Cow<'static, str>;

/// A type for the value of a [`Setting`](crate::Setting).
///
/// Implementations must accept each value as a string, because environment variables have no
/// other type.
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
///         address.map_err(|_| "not an IP address; write one such as 10.0.0.1".into())
///     }
///
///     fn schema() -> Schema {
///         json_schema!({ "type": "string" })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type for the value of a setting",
    label = "expected `String`, `Duration` or another type that implements `ConfigValue`"
)]
pub trait ConfigValue: Sized {
    /// Whether error messages omit the value, because the value can be a secret, or contain a
    /// secret. Defaults to [`IS_SECRET_REFERENCE`](Self::IS_SECRET_REFERENCE).
    const IS_SECRET: bool = Self::IS_SECRET_REFERENCE;

    /// Whether the value is a secret reference such as `env:NAME`, or a list of references. If
    /// true, the `secret_sources` methods of a configuration also return the sources of these
    /// references. Defaults to false.
    const IS_SECRET_REFERENCE: bool = false;

    /// Parses `value`, which is never null.
    ///
    /// # Errors
    /// The problem and the remedy, when the value is not valid.
    fn parse(value: &Value) -> Result<Self, InvalidValue>;

    /// Returns the JSON Schema of a value.
    #[must_use]
    fn schema() -> Schema;

    /// Returns a warning about a valid value that is probably a mistake, with the remedy. The
    /// warning is logged, so it must not contain a secret. Defaults to `None`.
    #[must_use]
    fn warning(value: &Value) -> Option<String> {
        let _ = value;
        None
    }
}

/// A non-empty string. A number is converted to the text of its digits, because a client id can
/// consist of digits only.
impl ConfigValue for String {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return Err("expected a string; write it in quotes".into()),
        };
        if text.is_empty() {
            return Err("empty; set a value or remove the key".into());
        }
        Ok(text)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// `true` or `false`. A string with one of these words is also accepted.
impl ConfigValue for bool {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let parsed = match value {
            Value::Bool(switch) => Some(*switch),
            Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        parsed.ok_or("expected true or false".into())
    }

    fn schema() -> Schema {
        json_schema!({ "enum": [true, false, "true", "false"] })
    }
}

/// The value of an HTTP header, such as `erp-sync/1.4`.
impl ConfigValue for HeaderValue {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let problem = "not a valid header value; write product/version, such as erp-sync/1.4";
        Self::try_from(String::parse(value)?).map_err(|_| problem.into())
    }

    fn schema() -> Schema {
        String::schema()
    }
}

/// A list of strings, or one string that is separated by spaces or commas.
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
        let words: Self =
            words.ok_or("expected a list of strings, or one string that is separated by spaces")?;
        if words.is_empty() {
            return Err("empty; list at least one item or remove the key".into());
        }
        Ok(words)
    }

    fn schema() -> Schema {
        let list = json_schema!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
        json_schema!({ "anyOf": [String::schema(), list] })
    }
}

/// A secret reference such as `env:NAME` or `file:/path`. Messages omit the reference.
pub struct SecretRefValue(pub(crate) String);

impl ConfigValue for SecretRefValue {
    const IS_SECRET_REFERENCE: bool = true;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        String::parse(value).map(Self)
    }

    fn schema() -> Schema {
        String::schema()
    }
}

/// Secret references: a list, or one string that is separated by spaces. Messages omit the
/// references.
pub struct SecretRefValues(pub(crate) Vec<String>);

impl ConfigValue for SecretRefValues {
    const IS_SECRET_REFERENCE: bool = true;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Vec::parse(value).map(Self)
    }

    fn schema() -> Schema {
        Vec::schema()
    }
}

/// Omits the reference, which can be a secret that was set by mistake.
impl fmt::Debug for SecretRefValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRefValue").finish_non_exhaustive()
    }
}

/// Omits the references, which can be secrets that were set by mistake.
impl fmt::Debug for SecretRefValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRefValues").finish_non_exhaustive()
    }
}

/// A value that is one of a fixed set of words, in upper or lower case.
///
/// A blanket implementation of [`ConfigValue`] for all choices does not exist. If it did,
/// rustc's errors would name this trait instead of `ConfigValue`.
pub(crate) trait Choice: Clone + 'static {
    /// The words that a configuration can contain, each with its value.
    const WORDS: &'static [(&'static str, Self)];

    /// Implements [`ConfigValue::parse`].
    fn parse_choice(value: &Value) -> Result<Self, InvalidValue> {
        let text = String::parse(value)?;
        let found = Self::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        found
            .map(|(_, choice)| choice.clone())
            .ok_or_else(|| format!("expected one of {}", words::<Self>().join(", ")).into())
    }

    /// Implements [`ConfigValue::schema`].
    fn choice_schema() -> Schema {
        json_schema!({ "enum": words::<Self>() })
    }
}

fn words<T: Choice>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

#[cfg(test)]
mod tests;
