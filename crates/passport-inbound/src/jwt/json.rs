//! Strict readings of JSON, shared by headers, claims and key sets.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Number;

/// Reads a JSON object. An array is none, though serde would take one for a struct.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    // All of it is text, also what nobody looks at.
    let text = str::from_utf8(json).map_err(serde_json::Error::custom)?;
    if text.trim_ascii_start().starts_with('{') {
        serde_json::from_str(text)
    } else {
        Err(serde_json::Error::custom("not an object"))
    }
}

/// A string or a list of strings.
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

            fn visit_seq<A: SeqAccess<'de>>(self, mut many: A) -> Result<OneOrMany, A::Error> {
                let mut strings = Vec::new();
                while let Some(string) = many.next_element()? {
                    strings.push(string);
                }
                Ok(OneOrMany(strings))
            }
        }

        value.deserialize_any(Strings)
    }
}

/// `true` for the boolean `true` and for nothing else; no type is an error.
#[derive(Debug)]
pub(crate) struct ExactlyTrue(pub(crate) bool);

impl<'de> Deserialize<'de> for ExactlyTrue {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Flag {
            Bool(bool),
            Other(Skipped),
        }
        Ok(Self(matches!(Flag::deserialize(value)?, Flag::Bool(true))))
    }
}

/// Any value that nobody looks at. Unlike `IgnoredAny` it is held to the rules that a look would hold it to, the bound on
/// depth among them.
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

/// Seconds since 1970 as a JSON number, fractions allowed
/// ([RFC 7519, section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)). What is before 1970, or later than any
/// clock can show, is an error: no issuer means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumericDate(pub(crate) SystemTime);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let seconds = Number::deserialize(value)?.as_f64();
        let since = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let time = since.and_then(|since| UNIX_EPOCH.checked_add(since));
        time.map(Self).ok_or_else(|| D::Error::custom("no clock can show that time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_is_an_object() {
        assert!(object::<serde_json::Value>(b" {}").is_ok());
        for json in [&b"[]"[..], b"\"{}\"", b"null", b"", b"\xef\xbb\xbf{}", b"{} {}", b"{\"a\":\"\xff\"}"] {
            assert!(object::<serde_json::Value>(json).is_err(), "{json:?}");
        }
    }

    #[test]
    fn a_date_is_a_number_that_a_clock_can_show() {
        let date = |json: &str| serde_json::from_str::<NumericDate>(json).ok().map(|date| date.0);
        assert_eq!(date("1.5"), Some(UNIX_EPOCH + Duration::from_millis(1500)));
        assert!(date("1e18").is_some());
        for json in ["-1", "1e19", "1e400", "18446744073709551616000", "\"1\"", "null", "true", "[1]", "{}"] {
            assert_eq!(date(json), None, "{json}");
        }
    }
}
