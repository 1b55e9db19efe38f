//! The entries of `external_providers`, with the names of the .NET options.

use std::time::Duration;

use passport_core::ConfigProblem;
use passport_inbound::{ClaimMap, TenantRule, TrustedIssuer};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::Value;

use super::{
    introspection::{self, IntrospectionSettings},
    preset::UNUSED_ISSUER,
    section::{Section, Table, Texts},
};
use crate::{
    reader::Reader,
    secret_detection::without_quoted_secret,
    setting::{AnySetting, Setting},
    value::{Choice, ConfigValue, InvalidValue},
};

/// An external identity provider, with the names of the .NET options.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ProviderSettings {
    /// The name in metrics, logs and health.
    provider_id: Setting<String>,
    /// The name of the provider for display. Has no effect.
    display_name: Setting<String>,
    /// The exact iss of the tokens, including a trailing slash.
    issuer: Setting<String>,
    /// The URL of the signing keys. Defaults to the one in the issuer's discovery document.
    #[schemars(extend("format" = "uri"))]
    jwks_uri: Setting<String>,
    /// The accepted audiences: a list, or one string.
    audience: Setting<Vec<String>>,
    /// The claim that is the tenant. `allowed_issuers` of the tenant must list the issuer.
    tenant_id_claim: Setting<String>,
    /// How the tenant follows from a token, instead of `tenant_id_claim`.
    tenant_id_config: Setting<Table<TenantIdSettings>>,
    /// The claim that identifies the caller. Defaults to sub.
    user_id_claim: Setting<String>,
    /// The claim with the e-mail address. Defaults to email.
    email_claim: Setting<String>,
    /// The claim with the caller's groups.
    groups_claim: Setting<String>,
    /// The roles by the provider's groups. Other groups are dropped.
    group_mapping: Setting<Texts>,
    /// The claim with the caller's roles.
    roles_claim: Setting<String>,
    /// The roles by the provider's roles. Other roles are dropped.
    role_mapping: Setting<Texts>,
    /// The time for which signing keys are fresh, in minutes. Defaults to that of the verifier.
    jwks_refresh_interval_minutes: Setting<u64>,
    /// How the provider is asked whether a token is still active. Not a key of .NET. Defaults to
    /// not at all: a token is accepted until it expires.
    pub(super) introspection: Setting<Table<IntrospectionSettings>>,
}

impl Section for ProviderSettings {
    const NAME: &'static str = "external_provider";
    const MAIN_KEYS: &'static str = "provider_id, issuer, audience, tenant_id_claim, ...";
}

/// How the tenant follows from a token.
#[derive(Deserialize, JsonSchema)]
pub(super) struct TenantIdSettings {
    /// Where the tenant comes from: static, claim or mapping.
    source: Setting<TenantSource>,
    /// For static: the tenant.
    value: Setting<String>,
    /// For claim and mapping: the claim.
    claim_name: Setting<String>,
    /// For mapping: the tenants by the values of the claim.
    tenant_mapping: Setting<Texts>,
}

impl Section for TenantIdSettings {
    const NAME: &'static str = "tenant_id_config";
    const MAIN_KEYS: &'static str = "source, and value, claim_name or tenant_mapping";
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TenantSource {
    Static,
    Claim,
    Mapping,
}

impl Choice for TenantSource {
    const WORDS: &'static [(&'static str, Self)] =
        &[("static", Self::Static), ("claim", Self::Claim), ("mapping", Self::Mapping)];
}

impl ConfigValue for TenantSource {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Self::parse_choice(value)
    }

    fn schema() -> Schema {
        Self::choice_schema()
    }
}

impl TenantIdSettings {
    fn rule(&self, reader: &mut Reader<'_>) -> Option<TenantRule> {
        let source = reader.require(&self.source, "set it to static, claim or mapping")?;
        let used: [(&dyn AnySetting, bool, bool); 3] = [
            (&self.value, self.value.raw().is_some(), source == TenantSource::Static),
            (&self.claim_name, self.claim_name.raw().is_some(), source != TenantSource::Static),
            (&self.tenant_mapping, self.tenant_mapping.raw().is_some(), source == TenantSource::Mapping),
        ];
        for (setting, _, _) in used.into_iter().filter(|(_, is_set, is_used)| *is_set && !is_used) {
            reader.report(setting, "not used by this source; remove it, or change source");
        }
        if source == TenantSource::Static {
            return reader.require(&self.value, "set the tenant").map(TenantRule::fixed);
        }
        let claim = reader.require(&self.claim_name, "set the claim that contains the tenant");
        if source == TenantSource::Claim {
            return claim.map(TenantRule::claim);
        }
        let table = reader.require(&self.tenant_mapping, "set the tenants by the values of the claim");
        claim.zip(table).map(|(claim, Texts(table))| TenantRule::table(claim, table))
    }
}

impl ProviderSettings {
    /// Returns the issuer. `name` is the default of its name. Reports all mistakes to `reader`.
    pub(super) fn issuer(&self, name: Option<&str>, reader: &mut Reader<'_>) -> Option<TrustedIssuer> {
        let issuer = reader.require(&self.issuer, "set the exact `iss` of the provider's tokens");
        let issuer = TrustedIssuer::external(issuer.unwrap_or_else(|| UNUSED_ISSUER.to_owned()));
        let name = reader.read(&self.provider_id).or_else(|| name.map(str::to_owned));
        let issuer = name.into_iter().fold(issuer, TrustedIssuer::name);
        reader.read(&self.display_name);
        let issuer = reader.set(issuer, &self.jwks_uri, TrustedIssuer::jwks_url);
        let audiences = reader.read(&self.audience).unwrap_or_default();
        let issuer = audiences.into_iter().fold(issuer, TrustedIssuer::audience);
        let issuer = reader.set(issuer, &self.jwks_refresh_interval_minutes, |issuer, minutes| {
            issuer.jwks_refresh_interval(Duration::from_secs(minutes.saturating_mul(60)))
        });
        let issuer = introspection::added(issuer, &self.introspection, reader);
        let issuer = issuer.claims(self.claims(reader));
        let issuer = self.tenant(reader).into_iter().fold(issuer, TrustedIssuer::tenant);
        self.report_problems(&issuer, reader);
        Some(issuer)
    }

    fn claims(&self, reader: &mut Reader<'_>) -> ClaimMap {
        let map = reader.set(ClaimMap::new(), &self.user_id_claim, ClaimMap::subject);
        let map = reader.set(map, &self.email_claim, |map, claim| map.email([claim]));
        let claims = [reader.read(&self.groups_claim), reader.read(&self.roles_claim)];
        let mappings = [reader.read(&self.group_mapping), reader.read(&self.role_mapping)];
        let map = map.roles_from(claims.iter().flatten().map(String::as_str));
        let mappings =
            mappings.into_iter().map(|mapping| mapping.map(|Texts(roles)| roles).unwrap_or_default());
        if let [Some(_), Some(_)] = &claims {
            // A group must not count as a role of the same name.
            let of_each = claims.iter().flatten().zip(mappings);
            return of_each.fold(map, |map, (claim, roles)| {
                roles.into_iter().fold(map, |map, (theirs, ours)| map.role_from(claim.as_str(), theirs, ours))
            });
        }
        mappings.fold(map, ClaimMap::roles)
    }

    fn tenant(&self, reader: &mut Reader<'_>) -> Option<TenantRule> {
        let (claim, config) = (&self.tenant_id_claim, &self.tenant_id_config);
        match (claim.raw(), config.raw()) {
            (None, None) => {
                reader.report(claim, "missing; set the claim that contains the tenant, or tenant_id_config");
            }
            (Some(_), Some(_)) => reader.report(claim, "excludes tenant_id_config; remove one of them"),
            _ => {}
        }
        let rule = reader.read(claim).map(TenantRule::claim);
        reader.table(config, TenantIdSettings::rule).or(rule)
    }

    /// Reports the mistakes that the issuer itself finds, under the keys of this table. A key with
    /// another mistake is not reported again.
    fn report_problems(&self, issuer: &TrustedIssuer, reader: &mut Reader<'_>) {
        for problem in issuer.problems() {
            let message = without_quoted_secret(&problem.problem);
            if let Some(key) = problem.option.strip_prefix("introspection.") {
                introspection::report(&self.introspection, key, &message, reader);
                continue;
            }
            match self.setting(&problem.option) {
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
        let has_roles = self.roles_claim.raw().is_some();
        match option {
            "name" => of(&self.provider_id),
            // A placeholder for a directory is only for entries of `issuers`.
            "issuer" | "allowed_directories" => of(&self.issuer),
            "jwks_url" => of(&self.jwks_uri),
            "audience" => of(&self.audience),
            "jwks_refresh_interval" => of(&self.jwks_refresh_interval_minutes),
            "claims.subject" => of(&self.user_id_claim),
            "claims.email" => of(&self.email_claim),
            "claims.roles_from" if has_roles => of(&self.roles_claim),
            "claims.roles_from" => of(&self.groups_claim),
            "claims.role" if self.role_mapping.raw().is_some() => of(&self.role_mapping),
            "claims.role" => of(&self.group_mapping),
            "tenant" if self.tenant_id_config.raw().is_some() => of(&self.tenant_id_config),
            "tenant" => of(&self.tenant_id_claim),
            _ => None,
        }
    }
}
