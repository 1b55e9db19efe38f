//! Strict types for parsing JSON, shared by claims and key sets.

use std::{
    fmt,
    marker::PhantomData,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::SeqAccessDeserializer,
    },
};
use serde_json::Number;

/// Parses a JSON object. Rejects an array, which serde would accept for a struct.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    object_with(json, PhantomData)
}

/// Parses a JSON object with `seed`, as [`object`] does.
pub(crate) fn object_with<T>(
    json: &[u8],
    seed: impl for<'de> DeserializeSeed<'de, Value = T>,
) -> Result<T, serde_json::Error> {
    // The whole text must be UTF-8, including members that are not read.
    let text = str::from_utf8(json).map_err(serde_json::Error::custom)?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(serde_json::Error::custom("not an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// The value of a claim that is a string or a list of strings. One string becomes a list.
#[derive(Debug, Default)]
pub(crate) struct OneOrMany(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Strings;

        impl<'de> Visitor<'de> for Strings {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: Error>(self, one: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![one.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, many: A) -> Result<OneOrMany, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(many)).map(OneOrMany)
            }
        }

        value.deserialize_any(Strings)
    }
}

/// The value of a claim that counts only if it is the boolean `true`. A value of another type is
/// not an error, and counts as `false`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Flag {
    Bool(bool),
    Other(Skipped),
}

/// A value that is parsed and dropped. Unlike `IgnoredAny`, the value is parsed in full, so that
/// numbers out of range and too deep nesting are errors.
#[derive(Debug)]
pub(crate) struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Skipped {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self, A::Error> {
        while sequence.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, Self>()?.is_some() {}
        Ok(self)
    }
}

/// A time as a JSON number of seconds since 1970, with optional fractions ([RFC 7519, section
/// 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)). A time before 1970 is an error. A time
/// beyond the range of [`SystemTime`] is an error as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumericDate(pub(crate) SystemTime);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let seconds = Number::deserialize(value)?.as_f64();
        let since = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let time = since.and_then(|since| UNIX_EPOCH.checked_add(since));
        time.map(Self).ok_or_else(|| D::Error::custom("time out of range"))
    }
}

#[cfg(test)]
mod tests;
