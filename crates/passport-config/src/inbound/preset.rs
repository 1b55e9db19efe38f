//! Presets for identity providers.

use passport_inbound::TrustedIssuer;
use schemars::Schema;
use serde_json::Value;

use super::issuer::IssuerSettings;
use crate::{
    reader::Reader,
    setting::Setting,
    value::{Choice, ConfigValue, InvalidValue},
};

/// A preset, which sets options of a trusted issuer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Preset {
    Entra,
    EntraMultiTenant,
    Okta,
    Auth0,
    Keycloak,
    Cognito,
    Google,
}

impl Choice for Preset {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("entra", Self::Entra),
        ("entra_multi_tenant", Self::EntraMultiTenant),
        ("okta", Self::Okta),
        ("auth0", Self::Auth0),
        ("keycloak", Self::Keycloak),
        ("cognito", Self::Cognito),
        ("google", Self::Google),
    ];
}

impl ConfigValue for Preset {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Self::parse_choice(value)
    }

    fn schema() -> Schema {
        Self::choice_schema()
    }
}

/// Values that replace missing settings, so that all other mistakes are found.
pub(super) const UNUSED_ISSUER: &str = "https://unused.example";
const UNUSED_DIRECTORY: &str = "00000000-0000-0000-0000-000000000000";

impl Preset {
    /// Returns the issuer with the options of the preset. Reports missing arguments, and arguments
    /// that the preset does not use.
    pub(super) fn issuer(self, settings: &IssuerSettings, reader: &mut Reader<'_>) -> TrustedIssuer {
        let mut arguments = Arguments { settings, reader, used: [false; 5] };
        let issuer = match self {
            Self::Entra => TrustedIssuer::entra(arguments.directory()),
            Self::EntraMultiTenant => TrustedIssuer::entra_multi_tenant(),
            Self::Okta => TrustedIssuer::okta(arguments.issuer("https://company.okta.com/oauth2/default")),
            Self::Auth0 => TrustedIssuer::auth0(arguments.domain()),
            Self::Keycloak => TrustedIssuer::keycloak(arguments.issuer("https://host/realms/name")),
            Self::Cognito => {
                let region = arguments.region();
                TrustedIssuer::cognito(region, arguments.user_pool())
            }
            Self::Google => TrustedIssuer::google(),
        };
        arguments.report_unused(self);
        issuer
    }

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, preset)| *preset == self).map_or("", |(word, _)| word)
    }
}

/// The arguments of a preset. Records which of them were read.
struct Arguments<'a, 'b, 'c> {
    settings: &'a IssuerSettings,
    reader: &'b mut Reader<'c>,
    used: [bool; 5],
}

impl Arguments<'_, '_, '_> {
    fn issuer(&mut self, example: &str) -> String {
        let remedy = format!("set the issuer, such as {example}");
        self.read(0, &remedy, UNUSED_ISSUER)
    }

    fn directory(&mut self) -> String {
        self.read(1, "set the GUID of the directory", UNUSED_DIRECTORY)
    }

    fn domain(&mut self) -> String {
        self.read(2, "set the domain of the tenant, such as company.eu.auth0.com", "unused.example")
    }

    fn region(&mut self) -> String {
        self.read(3, "set the region of the user pool, such as eu-central-1", "unused")
    }

    fn user_pool(&mut self) -> String {
        self.read(4, "set the id of the user pool, such as eu-central-1_EXAMPLE", "unused")
    }

    fn read(&mut self, index: usize, remedy: &str, unused: &str) -> String {
        self.used[index] = true;
        let setting = self.settings.arguments()[index];
        self.reader.require(setting, remedy).unwrap_or_else(|| unused.to_owned())
    }

    fn report_unused(&mut self, preset: Preset) {
        let settings: [&Setting<String>; 5] = self.settings.arguments();
        let unused = settings.into_iter().zip(self.used).filter(|(_, is_used)| !is_used);
        for (setting, _) in unused.filter(|(setting, _)| setting.raw().is_some()) {
            self.reader.report(setting, format_args!("not used by the preset {}; remove it", preset.word()));
        }
    }
}
