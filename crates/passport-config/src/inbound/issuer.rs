//! The entries of `issuers`: further Passports, and external issuers.

use std::time::Duration;

use passport_core::ConfigProblem;
use passport_inbound::{Algorithm, AudienceClaim, TrustedIssuer};
use schemars::{JsonSchema, Schema, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::{
    claims::{ClaimSettings, ConditionSettings, conditions},
    introspection::{self, IntrospectionSettings},
    preset::{Preset, UNUSED_ISSUER},
    section::{Section, Table, Tables},
    tenant::TenantSettings,
};
use crate::{
    reader::Reader,
    secret_detection::without_quoted_secret,
    setting::{AnySetting, Setting},
    value::{Choice, ConfigValue, InvalidValue},
};

/// A trusted issuer.
#[derive(Deserialize, JsonSchema)]
pub(super) struct IssuerSettings {
    /// The name in metrics, logs and health. Defaults to the key of the table, or to the issuer.
    name: Setting<String>,
    /// The exact iss of the tokens, including a trailing slash.
    issuer: Setting<String>,
    /// Whether the issuer is a passport or external. Defaults to external.
    kind: Setting<Kind>,
    /// The identity provider, whose usual options are the defaults of this table.
    preset: Setting<Preset>,
    /// For the preset entra: the GUID of the directory.
    directory: Setting<String>,
    /// For the preset auth0: the domain.
    domain: Setting<String>,
    /// For the preset cognito: the region.
    region: Setting<String>,
    /// For the preset cognito: the id of the user pool.
    user_pool: Setting<String>,
    /// The accepted audiences: a list, or one string.
    audience: Setting<Vec<String>>,
    /// The claim that contains the audience. Defaults to aud.
    audience_claim: Setting<AudienceClaim>,
    /// The URL of the signing keys. Defaults to the one in the issuer's discovery document.
    #[schemars(extend("format" = "uri"))]
    jwks_url: Setting<String>,
    /// The file in which the signing keys are saved. Each issuer needs its own. Defaults to none.
    jwks_cache_file: Setting<String>,
    /// Whether the URLs are allowed to be plain http. Only for a private network. Defaults to
    /// false.
    danger_plain_http: Setting<bool>,
    /// The accepted signature algorithms. Defaults to RS256.
    algorithms: Setting<Algorithms>,
    /// The accepted values of the header typ. By default it is absent, JWT or at+jwt.
    token_types: Setting<Vec<String>>,
    /// The accepted difference between the clocks. Defaults to that of the verifier.
    clock_skew: Setting<Duration>,
    /// The time for which signing keys are fresh. Defaults to that of the verifier.
    jwks_refresh_interval: Setting<Duration>,
    /// The minimum time between two refreshes that tokens cause. Defaults to that of the verifier.
    jwks_cooldown: Setting<Duration>,
    /// How the issuer is asked whether a token is still active. Defaults to not at all: a token is
    /// accepted until it expires.
    pub(super) introspection: Setting<Table<IntrospectionSettings>>,
    /// Conditions that the claims of each access token meet. Defaults to those of the preset.
    require_claims: Setting<Tables<ConditionSettings>>,
    /// Which claims describe the caller. Defaults to those of the preset.
    claims: Setting<Table<ClaimSettings>>,
    /// The tenant of the callers. Required for external issuers.
    tenant: Setting<Table<TenantSettings>>,
    /// For an issuer with {tenantid}: the GUIDs of the accepted directories.
    allowed_directories: Setting<Vec<String>>,
    /// For an issuer with {tenantid}: whether every directory is accepted. Defaults to false.
    danger_any_directory: Setting<bool>,
}

impl Section for IssuerSettings {
    const NAME: &'static str = "issuer";
    const MAIN_KEYS: &'static str = "issuer, audience, tenant, ...";
    const OTHER_NAMES: &'static [(&'static str, &'static str)] =
        &[("audiences", "audience"), ("jwks_uri", "jwks_url")];
}

/// Whether an issuer is a Passport.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Passport,
    External,
}

impl Choice for Kind {
    const WORDS: &'static [(&'static str, Self)] =
        &[("passport", Self::Passport), ("external", Self::External)];
}

impl ConfigValue for Kind {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Self::parse_choice(value)
    }

    fn schema() -> Schema {
        Self::choice_schema()
    }
}

impl Choice for AudienceClaim {
    const WORDS: &'static [(&'static str, Self)] =
        &[("aud", Self::Aud), ("client_id", Self::ClientId), ("azp", Self::Azp)];
}

impl ConfigValue for AudienceClaim {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Self::parse_choice(value)
    }

    fn schema() -> Schema {
        Self::choice_schema()
    }
}

impl Choice for Algorithm {
    const WORDS: &'static [(&'static str, Self)] =
        &[("RS256", Self::Rs256), ("PS256", Self::Ps256), ("ES256", Self::Es256), ("EdDSA", Self::EdDsa)];
}

/// Signature algorithms: a list, or one string that is separated by spaces or commas.
pub(super) struct Algorithms(pub(super) Vec<Algorithm>);

impl ConfigValue for Algorithms {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let words = Vec::<String>::parse(value)?;
        let parsed = words.into_iter().map(|word| Algorithm::parse_choice(&Value::String(word)));
        parsed.collect::<Result<_, _>>().map(Self)
    }

    fn schema() -> Schema {
        let list = json_schema!({ "type": "array", "items": Algorithm::choice_schema(), "minItems": 1 });
        json_schema!({ "anyOf": [String::schema(), list] })
    }
}

impl IssuerSettings {
    /// Returns the settings that are arguments of presets.
    pub(super) fn arguments(&self) -> [&Setting<String>; 5] {
        [&self.issuer, &self.directory, &self.domain, &self.region, &self.user_pool]
    }

    /// Returns the issuer. `name` is the default of its name. Reports all mistakes to `reader`.
    pub(super) fn issuer(&self, name: Option<&str>, reader: &mut Reader<'_>) -> Option<TrustedIssuer> {
        let kind = reader.read(&self.kind).unwrap_or(Kind::External);
        let preset = reader.read(&self.preset);
        let issuer = self.base(kind, preset, reader);
        let name = reader.read(&self.name).or_else(|| name.map(str::to_owned));
        let issuer = name.into_iter().fold(issuer, TrustedIssuer::name);
        let audiences = reader.read(&self.audience).unwrap_or_default();
        let issuer = audiences.into_iter().fold(issuer, TrustedIssuer::audience);
        let issuer = self.with_keys(issuer, reader);
        let issuer = match kind {
            Kind::Passport => self.only_external(issuer, reader),
            Kind::External => self.with_claims(issuer, reader),
        };
        self.report_problems(&issuer, reader);
        Some(issuer)
    }

    /// Returns the issuer with the options of the preset, if there is one.
    fn base(&self, kind: Kind, preset: Option<Preset>, reader: &mut Reader<'_>) -> TrustedIssuer {
        if let Some(preset) = preset {
            if kind == Kind::Passport {
                reader.report(&self.kind, "a preset is for external issuers; remove kind or preset");
            }
            return preset.issuer(self, reader);
        }
        let issuer = if self.preset.raw().is_some() {
            // The preset is invalid, so its arguments are not known.
            reader.read(&self.issuer)
        } else {
            for argument in self.arguments()[1..].iter().filter(|argument| argument.raw().is_some()) {
                reader.report(*argument, "only for a preset; set preset, or remove it");
            }
            reader.require(&self.issuer, "set the exact `iss` of the issuer's tokens")
        };
        let issuer = issuer.unwrap_or_else(|| UNUSED_ISSUER.to_owned());
        match kind {
            Kind::Passport => TrustedIssuer::passport(issuer),
            Kind::External => TrustedIssuer::external(issuer),
        }
    }

    fn with_keys(&self, issuer: TrustedIssuer, reader: &mut Reader<'_>) -> TrustedIssuer {
        let issuer = reader.set(issuer, &self.jwks_url, TrustedIssuer::jwks_url);
        let issuer = reader.set(issuer, &self.jwks_cache_file, TrustedIssuer::jwks_cache_file);
        let issuer = if reader.read(&self.danger_plain_http) == Some(true) {
            issuer.danger_plain_http()
        } else {
            issuer
        };
        let issuer = reader
            .set(issuer, &self.algorithms, |issuer, Algorithms(algorithms)| issuer.algorithms(algorithms));
        let issuer = reader.set(issuer, &self.token_types, TrustedIssuer::token_types);
        let issuer = reader.set(issuer, &self.clock_skew, TrustedIssuer::clock_skew);
        let issuer = reader.set(issuer, &self.jwks_refresh_interval, TrustedIssuer::jwks_refresh_interval);
        let issuer = reader.set(issuer, &self.jwks_cooldown, TrustedIssuer::jwks_cooldown);
        introspection::added(issuer, &self.introspection, reader)
    }

    /// Sets the options of external issuers.
    fn with_claims(&self, issuer: TrustedIssuer, reader: &mut Reader<'_>) -> TrustedIssuer {
        let issuer = reader.set(issuer, &self.audience_claim, TrustedIssuer::audience_claim);
        let required = conditions(&self.require_claims, reader);
        let issuer = required.into_iter().fold(issuer, TrustedIssuer::require_claim);
        let mut with_map = None;
        reader.table(&self.claims, |settings, reader| {
            with_map = Some(issuer.clone().map_claims(|map| settings.apply(map, reader)));
            Some(())
        });
        let issuer = with_map.unwrap_or(issuer);
        let issuer = self.with_tenant(issuer, reader);
        let issuer = reader.set(issuer, &self.allowed_directories, TrustedIssuer::allowed_directories);
        if reader.read(&self.danger_any_directory) != Some(true) {
            return issuer;
        }
        if self.allowed_directories.raw().is_some() {
            reader.report(&self.danger_any_directory, "contradicts allowed_directories; remove one of them");
            return issuer;
        }
        issuer.danger_any_directory()
    }

    /// Sets the tenant.
    fn with_tenant(&self, issuer: TrustedIssuer, reader: &mut Reader<'_>) -> TrustedIssuer {
        if self.tenant.raw().is_none() {
            reader.report(&self.tenant, MISSING_TENANT);
        }
        let rule = reader.table(&self.tenant, TenantSettings::rule);
        rule.into_iter().fold(issuer, TrustedIssuer::tenant)
    }

    /// Reports settings that a Passport cannot have.
    fn only_external(&self, issuer: TrustedIssuer, reader: &mut Reader<'_>) -> TrustedIssuer {
        let settings: [(&dyn AnySetting, bool); 6] = [
            (&self.audience_claim, self.audience_claim.raw().is_some()),
            (&self.require_claims, self.require_claims.raw().is_some()),
            (&self.claims, self.claims.raw().is_some()),
            (&self.tenant, self.tenant.raw().is_some()),
            (&self.allowed_directories, self.allowed_directories.raw().is_some()),
            (&self.danger_any_directory, self.danger_any_directory.raw().is_some()),
        ];
        for (setting, _) in settings.into_iter().filter(|(_, is_set)| *is_set) {
            reader.report(setting, "only for external issuers; remove it, or set kind to external");
        }
        issuer
    }

    /// Reports the mistakes that the issuer itself finds, under the keys of this table. A key with
    /// another mistake is not reported again.
    fn report_problems(&self, issuer: &TrustedIssuer, reader: &mut Reader<'_>) {
        for problem in issuer.problems() {
            let message = without_quoted_secret(&problem.problem);
            let option = &*problem.option;
            if let Some(key) = option.strip_prefix("claims.") {
                // The builder's method `role` adds one role.
                let key = if key == "role" { "roles" } else { key };
                if !reader.has_problem(&format!("{}.{key}", self.claims.key())) {
                    reader.report_in(&self.claims, key, message);
                }
                continue;
            }
            if let Some(key) = option.strip_prefix("introspection.") {
                introspection::report(&self.introspection, key, &message, reader);
                continue;
            }
            match self.setting(option) {
                Some((key, _)) if reader.has_problem(key) => {}
                Some((_, setting)) => reader.report(setting, message),
                // No key sets this option, so the problem keeps the name of the option.
                None => reader.extend([ConfigProblem::new(problem.option, message)]),
            }
        }
    }

    /// Returns the setting that sets an option of [`TrustedIssuer`], and its key.
    fn setting(&self, option: &str) -> Option<(&str, &dyn AnySetting)> {
        fn of<T: ConfigValue>(setting: &Setting<T>) -> Option<(&str, &dyn AnySetting)> {
            Some((setting.key(), setting))
        }
        match option {
            "name" => of(&self.name),
            "issuer" if self.directory.raw().is_some() => of(&self.directory),
            "issuer" => of(&self.issuer),
            "audience" => of(&self.audience),
            "jwks_url" => of(&self.jwks_url),
            "algorithms" => of(&self.algorithms),
            "token_types" => of(&self.token_types),
            "clock_skew" => of(&self.clock_skew),
            "jwks_refresh_interval" => of(&self.jwks_refresh_interval),
            "jwks_cooldown" => of(&self.jwks_cooldown),
            "require_claim" => of(&self.require_claims),
            "tenant" => of(&self.tenant),
            "allowed_directories" => of(&self.allowed_directories),
            _ => None,
        }
    }
}

/// The problem of an external issuer without a tenant.
const MISSING_TENANT: &str = "missing; set the tenant of the issuer's callers: { fixed = .. }, { claim = .. }, or \
                              { claim = .., table = .. }";
