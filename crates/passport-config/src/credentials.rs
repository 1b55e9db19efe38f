//! The settings by which a client authenticates to an issuer: its secret, and the method of client
//! authentication.

use passport_core::{
    ClientAuthentication, InvalidSecretSource, PrivateKeyJwt, SecretSource, SigningAlgorithm,
};
use schemars::Schema;
use serde_json::Value;

use crate::{
    reader::Reader,
    setting::{AnySetting, Setting},
    value::{Choice, ConfigValue, InvalidValue, SecretRefValues},
};

/// The settings of a table by which a client authenticates.
pub(crate) struct CredentialSettings<'a> {
    pub(crate) client_secret_ref: &'a Setting<ClientSecretRefs>,
    pub(crate) secret_provider: &'a Setting<String>,
    pub(crate) client_authentication: &'a Setting<ClientAuthentication>,
    pub(crate) signing_algorithm: &'a Setting<SigningAlgorithm>,
    pub(crate) key_id: &'a Setting<String>,
    pub(crate) assertion_audience: &'a Setting<String>,
}

impl CredentialSettings<'_> {
    /// Returns a source for each reference to the client secret. Returns `None` if no reference is
    /// configured, or one is invalid. Reports mistakes to `reader`.
    pub(crate) fn sources(&self, reader: &mut Reader<'_>) -> Option<Vec<SecretSource>> {
        let (reference, provider) = (self.client_secret_ref, self.secret_provider);
        let references = reader.require(reference, "set the reference of the secret: env:NAME or file:/path");
        let name = reader.read(provider);
        let ClientSecretRefs(references) = references?;
        let several = references.len() > 1;
        if several && name.is_some() {
            reader.report(
                provider,
                "not allowed with several references, which name their providers (env:NAME); remove the key",
            );
        }
        let name = name.as_deref().filter(|_| !several);
        let source = |text: &String| {
            let source = reader.providers().source(name, text);
            let setting: &dyn AnySetting = match &source {
                Err(
                    InvalidSecretSource::UnknownProvider { .. } | InvalidSecretSource::MissingProvider { .. },
                ) if name.is_some() => provider,
                _ => reference,
            };
            reader.collect(setting, source)
        };
        let sources: Vec<_> = references.iter().map(source).collect();
        sources.into_iter().collect()
    }

    /// Returns the method of client authentication. Returns `None` if it is missing or invalid.
    /// Reports mistakes to `reader`.
    pub(crate) fn authentication(&self, reader: &mut Reader<'_>) -> Option<ClientAuthentication> {
        let method = reader.read(self.client_authentication);
        let algorithm = reader.read(self.signing_algorithm);
        let (key_id, audience) = (reader.read(self.key_id), reader.read(self.assertion_audience));
        let only_signed: [(&dyn AnySetting, bool); 3] = [
            (self.signing_algorithm, algorithm.is_some()),
            (self.key_id, key_id.is_some()),
            (self.assertion_audience, audience.is_some()),
        ];
        let is_signed = matches!(method, Some(ClientAuthentication::PrivateKeyJwt(_)));
        for (setting, _) in only_signed.into_iter().filter(|(_, is_set)| *is_set && !is_signed) {
            let problem = "only for client_authentication = \"private_key_jwt\"; set that or remove the key";
            reader.report(setting, problem);
        }
        Some(match method? {
            ClientAuthentication::PrivateKeyJwt(signed) => {
                let signed = algorithm.map_or(signed, PrivateKeyJwt::new);
                let signed = key_id.into_iter().fold(signed, PrivateKeyJwt::key_id);
                audience.into_iter().fold(signed, PrivateKeyJwt::audience).into()
            }
            method => method,
        })
    }
}

impl Choice for ClientAuthentication {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("client_secret_basic", Self::ClientSecretBasic),
        ("client_secret_basic_raw", Self::ClientSecretBasicRaw),
        ("client_secret_post", Self::ClientSecretPost),
        ("private_key_jwt", Self::PrivateKeyJwt(PrivateKeyJwt::new(SigningAlgorithm::Rs256))),
    ];
}

impl Choice for SigningAlgorithm {
    const WORDS: &'static [(&'static str, Self)] =
        &[("RS256", Self::Rs256), ("PS256", Self::Ps256), ("ES256", Self::Es256)];
}

impl ConfigValue for ClientAuthentication {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Self::parse_choice(value)
    }

    fn schema() -> Schema {
        Self::choice_schema()
    }
}

impl ConfigValue for SigningAlgorithm {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Self::parse_choice(value)
    }

    fn schema() -> Schema {
        Self::choice_schema()
    }
}

/// The references to the client secret: a list of references, or a string. A string is one
/// reference, which can contain spaces.
pub(crate) struct ClientSecretRefs(pub(crate) Vec<String>);

impl ConfigValue for ClientSecretRefs {
    const IS_SECRET_REFERENCE: bool = true;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let references = match value {
            Value::Array(values) if values.is_empty() => Err("empty; list at least one reference".into()),
            Value::Array(values) => values.iter().map(String::parse).collect(),
            _ => String::parse(value).map(|text| vec![text]),
        };
        references.map(Self)
    }

    fn schema() -> Schema {
        SecretRefValues::schema()
    }
}
