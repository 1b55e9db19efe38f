//! Values that are whole numbers.

use std::num::NonZeroUsize;

use schemars::{Schema, json_schema};
use serde_json::Value;

use super::{ConfigValue, InvalidValue};

/// A whole number, which can also be a string of digits.
impl ConfigValue for u64 {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let parsed = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        parsed.ok_or("expected a whole number, without a unit".into())
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^ *[0-9]+ *$" }] })
    }
}

/// A whole number that fits into the memory of this machine.
impl ConfigValue for usize {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let number = u64::parse(value)?;
        number.try_into().map_err(|_| "too large; write a smaller number".into())
    }

    fn schema() -> Schema {
        u64::schema()
    }
}

/// A whole number of at most 32 bits.
impl ConfigValue for u32 {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let number = u64::parse(value)?;
        number.try_into().map_err(|_| "too large; write a smaller number".into())
    }

    fn schema() -> Schema {
        u64::schema()
    }
}

/// A whole number of at least 1.
impl ConfigValue for NonZeroUsize {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Self::new(usize::parse(value)?).ok_or("must be at least 1".into())
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": "^ *0*[1-9][0-9]* *$" }] })
    }
}
