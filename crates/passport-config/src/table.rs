//! Deserialization of tables into structs of [`Setting`](crate::Setting)s, and the JSON Schema
//! of these structs.

#[cfg(feature = "outbound")]
use passport_core::SecretProviders;
use passport_core::{ConfigError, ConfigProblem};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{
    Deserializer,
    de::{DeserializeOwned, Error, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

#[cfg(feature = "outbound")]
use crate::reader::Reader;
use crate::{
    kubernetes::is_service_variable,
    problems::WHOLE,
    setting::{SECRET_MARK, serialized},
    suggestions::{plain, unknown_key},
};

/// The key of the schema URL in a JSON file. This key is ignored.
const SCHEMA_KEY: &str = "$schema";

/// The message for a type [`StoreFactory::Settings`](crate::StoreFactory::Settings) that is not
/// a struct of only settings.
const NOT_SETTINGS: &str = "the settings type of this store is not a struct of only `Setting` fields; remove flatten, \
                            alias and nested tables from its code";

/// The values of a table by key.
pub(crate) type Values = Map<String, Value>;

/// The settings that were read from a table, and a problem for each unknown key in the table.
pub(crate) struct Table<T> {
    pub(crate) settings: T,
    /// A problem for each unknown key, with the most similar known key, or with all known keys if
    /// none is similar. The value of the unknown key is omitted, because it can be a secret.
    pub(crate) unknown: Vec<ConfigProblem>,
}

/// Reads the settings of a table without parsing their values. Keys from service variables of
/// Kubernetes are ignored.
///
/// # Errors
/// When `T` is not a struct of only settings.
#[cfg(feature = "outbound")]
pub(crate) fn read<T: DeserializeOwned>(values: &Values) -> Result<Table<T>, ConfigError> {
    read_spelled(values, Spelling::Exact)
}

/// Reads the settings of a table, with keys in the given `spelling`, without parsing their values.
/// A key that the table has in two spellings is a problem.
///
/// # Errors
/// When `T` is not a struct of only settings.
pub(crate) fn read_spelled<T: DeserializeOwned>(
    values: &Values,
    spelling: Spelling,
) -> Result<Table<T>, ConfigError> {
    let mut fields = Fields { values, spelling, keys: &[] };
    // The error of serde is dropped, because it can contain a value.
    let settings = T::deserialize(&mut fields)
        .map_err(|_| ConfigError::new(vec![ConfigProblem::new(WHOLE, NOT_SETTINGS)]))?;
    let keys = fields.keys;
    let mut unknown = Vec::new();
    for (key, value) in values.iter().filter(|(key, _)| *key != SCHEMA_KEY) {
        let problem = match keys.iter().find(|known| spelling.accepts(known, key)) {
            Some(known) => match find(values, spelling, known) {
                Some((first, _)) if first != key => format!("is also set as `{first}`; keep one of them"),
                _ => continue,
            },
            None if is_service_variable(key, value) => continue,
            None => unknown_key(keys, key),
        };
        unknown.push(ConfigProblem::new(key.clone(), problem));
    }
    Ok(Table { settings, unknown })
}

/// The spellings in which a table accepts its keys.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spelling {
    /// Only the name of the setting.
    #[cfg(feature = "outbound")]
    Exact,
    /// Also names that differ only in case, `_` and `-`, and the other names of a setting. Each
    /// pair is another name, and the name of the setting.
    #[cfg_attr(not(feature = "inbound"), expect(dead_code, reason = "only inbound tables use it"))]
    AnyCase { other_names: &'static [(&'static str, &'static str)] },
}

impl Spelling {
    /// Returns whether `key` is a spelling of the setting `known`.
    pub(crate) fn accepts(self, known: &str, key: &str) -> bool {
        match self {
            #[cfg(feature = "outbound")]
            Self::Exact => known == key,
            Self::AnyCase { other_names } => {
                let is_same = |name: &str| plain(name) == plain(key);
                is_same(known) || other_names.iter().any(|(other, of)| *of == known && is_same(other))
            }
        }
    }
}

/// Returns the value of the setting `known`, with its key in the spelling of the table.
pub(crate) fn find<'a>(values: &'a Values, spelling: Spelling, known: &str) -> Option<(&'a str, &'a Value)> {
    let mut entries = values.iter().map(|(key, value)| (key.as_str(), value));
    entries.find(|(key, _)| spelling.accepts(known, key))
}

/// Reads the settings of a table, calls `build` with the settings, and returns the result of
/// `build`. Unknown keys are mistakes.
///
/// # Errors
/// A [`ConfigError`] with every mistake.
#[cfg(feature = "outbound")]
pub(crate) fn build<S: DeserializeOwned, T>(
    values: &Values,
    secrets: &SecretProviders,
    build: impl FnOnce(&S, &mut Reader<'_>) -> Option<T>,
) -> Result<T, ConfigError> {
    let (mut reader, table) = (Reader::new(secrets), read(values)?);
    reader.extend(table.unknown);
    let built = build(&table.settings, &mut reader);
    reader.finish(built)
}

/// Returns the keys of the secret references in a struct of settings.
#[cfg(feature = "outbound")]
pub(crate) fn secret_keys<T: JsonSchema>() -> Vec<String> {
    let schema = generated_schema::<T>();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties.filter(|(_, key)| key.get(SECRET_MARK).is_some()).map(|(name, _)| name.clone()).collect()
}

/// Returns the JSON Schema of a struct of settings. In this schema, no key is required.
pub(crate) fn schema<T: JsonSchema>() -> Value {
    let mut schema = generated_schema::<T>();
    for generated in ["title", "description", "required"] {
        schema.remove(generated);
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    let mut schema = schema.to_value();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
    for key in properties.filter_map(|(_, key)| key.as_object_mut()) {
        key.remove(SECRET_MARK);
        // Removes line breaks and backticks of the doc comment.
        if let Some(Value::String(text)) = key.get_mut("description") {
            *text = text.replace('\n', " ").replace('`', "");
        }
    }
    schema
}

fn generated_schema<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>()
}

/// A deserializer for a struct of settings. It provides each [`Setting`](crate::Setting) of the
/// struct with its key and its value. If the key is missing, the value is null.
struct Fields<'a> {
    values: &'a Values,
    spelling: Spelling,
    /// The field names of the struct. Empty until the struct was deserialized.
    keys: &'static [&'static str],
}

impl<'de> Deserializer<'de> for &mut Fields<'_> {
    type Error = serde_json::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.keys = fields;
        let settings = fields.iter().map(|field| {
            let (key, value) = find(self.values, self.spelling, field).unzip();
            (*field, serialized(key.unwrap_or(field), value))
        });
        visitor.visit_map(MapDeserializer::new(settings))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Error::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
