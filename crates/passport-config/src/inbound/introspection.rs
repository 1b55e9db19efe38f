//! The table `introspection` of a trusted issuer.

use std::{num::NonZeroUsize, time::Duration};

use passport_core::{ClientAuthentication, ConfigProblem, SecretSource, SigningAlgorithm};
use passport_inbound::{Introspection, IntrospectionMode, TrustedIssuer};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::Value;

use super::section::{Section, Table, located};
use crate::{
    credentials::{ClientSecretRefs, CredentialSettings},
    reader::Reader,
    setting::Setting,
    table::{self, Values},
    value::{Choice, ConfigValue, InvalidValue},
};

/// How an issuer is asked whether a token is still active.
#[derive(Deserialize, JsonSchema)]
pub(super) struct IntrospectionSettings {
    /// When the issuer is asked: local (only for policies with `introspected_within`),
    /// `local_then_introspect`, introspect (for each request) or opaque. Defaults to local.
    mode: Setting<IntrospectionMode>,
    /// For `local_then_introspect` and opaque: the maximum age of the issuer's answer, 1 s to 60 s.
    /// Defaults to 15 s.
    max_age: Setting<Duration>,
    /// The URL of the introspection endpoint. Defaults to `/passport/token/introspect` below the
    /// URL of a Passport. Required for other issuers.
    #[schemars(extend("format" = "uri"))]
    endpoint: Setting<String>,
    /// The client id by which this service authenticates to the issuer.
    client_id: Setting<String>,
    /// The reference of the client secret, never the secret itself: `env:NAME`, `file:/path`, or a
    /// name at the `secret_provider`. In a list, the first reference that can be read is used.
    pub(super) client_secret_ref: Setting<ClientSecretRefs>,
    /// The provider of the secret, if `client_secret_ref` does not name one: env, file, systemd, or
    /// a provider that the program registers.
    secret_provider: Setting<String>,
    /// How this service authenticates to the issuer. Defaults to `client_secret_basic`.
    client_authentication: Setting<ClientAuthentication>,
    /// For `private_key_jwt`: the signature algorithm. Defaults to RS256.
    signing_algorithm: Setting<SigningAlgorithm>,
    /// For `private_key_jwt`: the id of the signing key (kid). Defaults to none.
    key_id: Setting<String>,
    /// For `private_key_jwt`: the audience of the assertion. Defaults to the endpoint.
    assertion_audience: Setting<String>,
    /// The timeout of a call, which includes reading the secret. Defaults to 2 s.
    timeout: Setting<Duration>,
    /// The maximum number of concurrent calls. Defaults to 32.
    max_concurrent: Setting<NonZeroUsize>,
    /// The maximum number of cached answers, one for each token. Defaults to 10000.
    max_cached: Setting<usize>,
    /// The maximum number of calls per second about opaque tokens that the issuer has never
    /// confirmed. Defaults to 100.
    max_unknown_per_second: Setting<u32>,
    /// How long a token that the issuer has confirmed is accepted while the issuer gives no valid
    /// answer, at most 1 h. A token that is revoked during the outage is then accepted. By
    /// default, such requests are rejected.
    danger_continue_when_unreachable: Setting<Duration>,
    /// Whether only signed answers are accepted (RFC 9701). Defaults to false.
    require_signed: Setting<bool>,
}

impl Section for IntrospectionSettings {
    const NAME: &'static str = "introspection";
    const MAIN_KEYS: &'static str = "mode, client_id, client_secret_ref, ...";
}

impl Choice for IntrospectionMode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("local", Self::Local),
        ("local_then_introspect", Self::LocalThenIntrospect { max_age: Self::DEFAULT_MAX_AGE }),
        ("introspect", Self::Introspect),
        ("opaque", Self::Opaque { max_age: Self::DEFAULT_MAX_AGE }),
    ];
}

impl ConfigValue for IntrospectionMode {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Self::parse_choice(value)
    }

    fn schema() -> Schema {
        Self::choice_schema()
    }
}

impl IntrospectionSettings {
    /// Returns the settings of the issuer, also if the table has mistakes, so that the issuer finds
    /// all others. Reports mistakes to `reader`.
    fn introspection(&self, reader: &mut Reader<'_>) -> Introspection {
        let client_id =
            reader.require(&self.client_id, "set the client id by which this service asks the issuer");
        let secret = self.sources(reader).and_then(|sources| sources.into_iter().reduce(SecretSource::or));
        let settings = Introspection::new(
            client_id.unwrap_or_else(|| "unused".to_owned()),
            secret.unwrap_or_else(|| SecretSource::from_value("unused")),
        );
        let authentication = self.credentials().authentication(reader).into_iter();
        let settings = authentication.fold(settings, Introspection::client_authentication);
        let settings = settings.mode(self.mode(reader));
        let settings = reader.set(settings, &self.endpoint, Introspection::endpoint);
        let settings = reader.set(settings, &self.timeout, Introspection::timeout);
        let settings = reader.set(settings, &self.max_concurrent, Introspection::max_concurrent);
        let settings = reader.set(settings, &self.max_cached, Introspection::max_cached);
        let settings =
            reader.set(settings, &self.max_unknown_per_second, Introspection::max_unknown_per_second);
        let settings = reader.set(
            settings,
            &self.danger_continue_when_unreachable,
            Introspection::danger_continue_when_unreachable,
        );
        match reader.read(&self.require_signed) {
            Some(true) => settings.require_signed(),
            Some(false) | None => settings,
        }
    }

    /// Returns when the issuer is asked.
    fn mode(&self, reader: &mut Reader<'_>) -> IntrospectionMode {
        let mode = reader.read(&self.mode);
        let (is_invalid, mode) = (mode.is_none() && self.mode.raw().is_some(), mode.unwrap_or_default());
        match (mode, reader.read(&self.max_age)) {
            (IntrospectionMode::LocalThenIntrospect { .. }, Some(max_age)) => {
                IntrospectionMode::LocalThenIntrospect { max_age }
            }
            (IntrospectionMode::Opaque { .. }, Some(max_age)) => IntrospectionMode::Opaque { max_age },
            (_, Some(_)) if !is_invalid => {
                let problem =
                    "only for the modes local_then_introspect and opaque; set one of them, or remove the key";
                reader.report(&self.max_age, problem);
                mode
            }
            _ => mode,
        }
    }

    /// Returns a source for each reference to the client secret.
    pub(super) fn sources(&self, reader: &mut Reader<'_>) -> Option<Vec<SecretSource>> {
        self.credentials().sources(reader)
    }

    fn credentials(&self) -> CredentialSettings<'_> {
        CredentialSettings {
            client_secret_ref: &self.client_secret_ref,
            secret_provider: &self.secret_provider,
            client_authentication: &self.client_authentication,
            signing_algorithm: &self.signing_algorithm,
            key_id: &self.key_id,
            assertion_audience: &self.assertion_audience,
        }
    }
}

/// Returns `issuer` with the settings of its table `introspection`, if it has one. Reports mistakes
/// to `reader`.
pub(super) fn added(
    issuer: TrustedIssuer,
    setting: &Setting<Table<IntrospectionSettings>>,
    reader: &mut Reader<'_>,
) -> TrustedIssuer {
    let mut introspection = None;
    reader.table(setting, |settings: &IntrospectionSettings, reader| {
        introspection = Some(settings.introspection(reader));
        Some(())
    });
    introspection.into_iter().fold(issuer, TrustedIssuer::introspection)
}

/// Reports a mistake of `key` that the issuer itself finds, unless a mistake of this key was
/// reported.
pub(super) fn report(
    setting: &Setting<Table<IntrospectionSettings>>,
    key: &str,
    problem: &str,
    reader: &mut Reader<'_>,
) {
    let values = setting.raw().and_then(Value::as_object);
    let problem = located::<IntrospectionSettings>(setting.key(), values, key, &problem);
    if !reader.has_problem(&problem.option) {
        reader.extend([problem]);
    }
}

/// Returns the table `introspection` in the table of an issuer, with its key.
pub(super) fn introspection_table<S: Section>(issuer: &Values) -> Option<(&str, &Values)> {
    let (key, value) = table::find(issuer, S::SPELLING, "introspection")?;
    Some((key, value.as_object()?))
}

/// Returns a problem of an option of an issuer, under the key in the issuer's table at `path`.
pub(super) fn located_option<S: Section>(
    path: &str,
    issuer: &Values,
    option: &str,
    problem: &str,
) -> ConfigProblem {
    let inner = option.strip_prefix("introspection.").zip(introspection_table::<S>(issuer));
    let Some((option, (key, values))) = inner else {
        return located::<S>(path, Some(issuer), option, &problem);
    };
    let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    located::<IntrospectionSettings>(&path, Some(values), option, &problem)
}
