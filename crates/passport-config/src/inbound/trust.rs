//! The trusted issuers of a configuration, and the mistakes that concern several of them.

use std::collections::HashSet;

use passport_core::{ConfigProblem, Issuer, TransportPool};
use passport_inbound::{TokenVerifier, TokenVerifierBuilder, TrustedIssuer};

use super::{
    introspection::{self, introspection_table, located_option},
    issuer::{Algorithms, IssuerSettings},
    options::VerifierOptions,
    provider::ProviderSettings,
    section::{Entry, Section, Tables},
    settings::VerifierSettings,
    tenant::TenantIssuers,
};
use crate::{
    reader::Reader,
    secret_detection::without_quoted_secret,
    setting::{AnySetting, Setting},
    table::Values,
};

/// The parsed settings from which a verifier is built.
pub(super) struct Trust {
    first: ConfiguredIssuer,
    others: Vec<ConfiguredIssuer>,
    /// The allowed issuers of each tenant.
    tenants: Vec<(String, Vec<String>)>,
    options: VerifierOptions,
}

/// A trusted issuer, and its place in the configuration.
struct ConfiguredIssuer {
    issuer: TrustedIssuer,
    /// The path of its table. Empty for the Passport of the whole configuration.
    path: String,
    values: Values,
    /// Returns a problem of an option of the issuer, under the key of the table.
    located: fn(&Self, &ConfigProblem) -> ConfigProblem,
}

impl Trust {
    /// Parses the settings. Reports mistakes to `reader`. Returns `None` if there is no issuer.
    pub(super) fn read(
        settings: &VerifierSettings,
        values: &Values,
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let passport = settings.passport(values, reader);
        let mut others = external(&settings.issuers, reader, IssuerSettings::issuer, of_issuer);
        let providers = &settings.external_providers;
        others.extend(external(providers, reader, ProviderSettings::issuer, of_provider));
        let has_entries = settings.issuers.raw().is_some() || settings.external_providers.raw().is_some();
        if passport.is_none() && !has_entries {
            reader
                .report(&settings.issuers, "missing; without Passport, at least one other issuer is needed");
        }
        let (options, tenants) = (VerifierOptions::read(settings, reader), tenants(settings, reader));
        let mut issuers = passport.into_iter().chain(others);
        let first = issuers.next()?;
        Some(Self { first, others: issuers.collect(), tenants, options })
    }

    /// Returns whether a trusted issuer has this name.
    pub(super) fn has_issuer(&self, name: &str) -> bool {
        let mut issuers = std::iter::once(&self.first).chain(&self.others);
        issuers.any(|configured| configured.issuer.issuer_name() == *name)
    }

    /// Returns whether the issuer `name` has settings for introspection. Without a name, returns
    /// whether any issuer has.
    pub(super) fn has_introspection(&self, name: Option<&str>) -> bool {
        let mut issuers = std::iter::once(&self.first).chain(&self.others);
        issuers.any(|configured| {
            name.is_none_or(|name| configured.issuer.issuer_name() == *name)
                && introspection_table::<IssuerSettings>(&configured.values).is_some()
        })
    }

    /// Returns the builder of the verifier. `change` can change the issuer with a number. With a
    /// pool, the transport comes from the pool.
    fn builder_with(
        &self,
        pool: Option<&TransportPool>,
        change: impl Fn(usize, TrustedIssuer) -> TrustedIssuer,
    ) -> TokenVerifierBuilder {
        let builder = TokenVerifier::trusting(change(0, self.first.issuer.clone()));
        let others = self.others.iter().zip(1..).map(|(other, number)| change(number, other.issuer.clone()));
        let builder = others.fold(builder, TokenVerifierBuilder::trust);
        let builder = self.tenants.iter().fold(builder, |builder, (tenant, issuers)| {
            builder.allowed_issuers(tenant, issuers.iter().cloned())
        });
        self.options.clone().apply(builder, pool)
    }

    /// Returns the builder of the verifier, if it has no mistakes. Reports mistakes that concern
    /// several issuers, or the whole verifier.
    pub(super) fn builder(
        &self,
        pool: Option<&TransportPool>,
        values: &Values,
        reader: &mut Reader<'_>,
    ) -> Option<TokenVerifierBuilder> {
        let builder = self.builder_with(pool, |_, issuer| issuer);
        if builder.problems().is_empty() {
            return Some(builder);
        }
        self.report_problems(pool, values, reader);
        None
    }

    /// Reports the mistakes that the builder of the verifier finds, under the keys of the
    /// configuration. A key with another mistake is not reported again.
    fn report_problems(&self, pool: Option<&TransportPool>, values: &Values, reader: &mut Reader<'_>) {
        // The builder names an issuer in its problems, and two issuers can have the same name.
        let numbered = |number: usize, issuer: TrustedIssuer| issuer.name(number.to_string());
        let (problems, own) = (self.builder_with(pool, numbered).problems(), self.own_problems());
        for problem in problems.iter().filter(|problem| !own.contains(problem)) {
            Self::report(&self.located(problem, values), reader);
        }
        let mut names = HashSet::from([self.first.issuer.issuer_name()]);
        for other in &self.others {
            let problem =
                ConfigProblem::new("name", "is the name of another trusted issuer; choose different names");
            let issuer = (other.located)(other, &ConfigProblem::new("issuer", ""));
            // Two entries for the same issuer have the same default name.
            if !names.insert(other.issuer.issuer_name()) && !reader.has_problem(&issuer.option) {
                Self::report(&(other.located)(other, &problem), reader);
            }
        }
    }

    /// Returns the problems of single issuers, as the builder of the verifier reports them. They
    /// were reported when the issuers were read.
    fn own_problems(&self) -> Vec<ConfigProblem> {
        let others = self.others.iter().zip(1..).flat_map(|(other, number)| {
            let located = move |problem: ConfigProblem| {
                let option = format!("trust({number}).{}", problem.option);
                problem.renamed(option)
            };
            other.issuer.problems().into_iter().map(located)
        });
        self.first.issuer.problems().into_iter().chain(others).collect()
    }

    fn report(problem: &ConfigProblem, reader: &mut Reader<'_>) {
        if !reader.has_problem(&problem.option) {
            reader.extend([problem.clone()]);
        }
    }

    /// Returns a problem of the verifier's builder under the key of the configuration.
    fn located(&self, problem: &ConfigProblem, values: &Values) -> ConfigProblem {
        let message = without_quoted_secret(&problem.problem);
        let inside = |begin: &str| problem.option.strip_prefix(begin);
        if let Some((number, option)) = inside("trust(").and_then(|rest| rest.split_once(").")) {
            let problem = ConfigProblem::new(option.to_owned(), message);
            let other =
                number.parse::<usize>().ok().and_then(|number| self.others.get(number.checked_sub(1)?));
            return other.map_or_else(|| problem.clone(), |other| (other.located)(other, &problem));
        }
        if let Some(tenant) = inside("allowed_issuers(").and_then(|rest| rest.strip_suffix(')')) {
            return ConfigProblem::new(format!("tenants.{tenant}.allowed_issuers"), message);
        }
        located_option::<VerifierSettings>("", values, &problem.option, &message)
    }
}

fn of_issuer(issuer: &ConfiguredIssuer, problem: &ConfigProblem) -> ConfigProblem {
    located_option::<IssuerSettings>(&issuer.path, &issuer.values, &problem.option, &problem.problem)
}

fn of_provider(issuer: &ConfiguredIssuer, problem: &ConfigProblem) -> ConfigProblem {
    let key = if problem.option == "name" { "provider_id" } else { &*problem.option };
    located_option::<ProviderSettings>(&issuer.path, &issuer.values, key, &problem.problem)
}

fn of_passport(passport: &ConfiguredIssuer, problem: &ConfigProblem) -> ConfigProblem {
    located_option::<VerifierSettings>("", &passport.values, &problem.option, &problem.problem)
}

/// Returns the issuers in a list, also those with mistakes. Reports the mistakes.
fn external<S: Section>(
    setting: &Setting<Tables<S>>,
    reader: &mut Reader<'_>,
    read: fn(&S, Option<&str>, &mut Reader<'_>) -> Option<TrustedIssuer>,
    located: fn(&ConfiguredIssuer, &ConfigProblem) -> ConfigProblem,
) -> Vec<ConfiguredIssuer> {
    let entries = reader.tables(setting);
    let issuer = |entry: Entry| {
        let mut issuer = None;
        reader.entry(&entry, |settings: &S, reader| {
            issuer = read(settings, entry.name(), reader);
            issuer.clone()
        });
        let values = entry.value.as_object()?.clone();
        Some(ConfiguredIssuer { issuer: issuer?, path: entry.path, values, located })
    };
    entries.into_iter().filter_map(issuer).collect()
}

/// Returns the allowed issuers of each tenant.
fn tenants(settings: &VerifierSettings, reader: &mut Reader<'_>) -> Vec<(String, Vec<String>)> {
    let tenants = reader.named_tables(&settings.tenants);
    let issuers =
        |(tenant, entry): (String, Entry)| Some((tenant, reader.entry(&entry, TenantIssuers::issuers)?));
    tenants.into_iter().filter_map(issuers).collect()
}

impl VerifierSettings {
    /// Returns the Passport of the whole configuration. Returns `None` if `passport` is false.
    /// Reports mistakes.
    fn passport(&self, values: &Values, reader: &mut Reader<'_>) -> Option<ConfiguredIssuer> {
        if reader.read(&self.passport) == Some(false) {
            self.report_passport_settings(reader);
            return None;
        }
        let issuer = reader.read(&self.issuer).unwrap_or_else(|| Issuer::PASSPORT.to_owned());
        self.check_valid_issuers(&issuer, reader);
        let mut passport = TrustedIssuer::passport(issuer);
        for audience in self.audiences(reader) {
            passport = passport.audience(audience);
        }
        let passport = reader.set(passport, &self.jwks_url, TrustedIssuer::jwks_url);
        let passport = reader.set(passport, &self.jwks_cache_file, TrustedIssuer::jwks_cache_file);
        let passport = reader.set(passport, &self.algorithms, |passport, Algorithms(algorithms)| {
            passport.algorithms(algorithms)
        });
        let passport = if reader.read(&self.danger_plain_http) == Some(true) {
            passport.danger_plain_http()
        } else {
            passport
        };
        let passport = introspection::added(passport, &self.introspection, reader);
        let passport = ConfiguredIssuer {
            issuer: passport,
            path: String::new(),
            values: values.clone(),
            located: of_passport,
        };
        for problem in passport.issuer.problems() {
            let problem = of_passport(&passport, &problem);
            if !reader.has_problem(&problem.option) {
                reader.extend([problem]);
            }
        }
        Some(passport)
    }

    /// Returns the accepted audiences of Passport's tokens, without duplicates.
    fn audiences(&self, reader: &mut Reader<'_>) -> Vec<String> {
        let client_id = reader.read(&self.client_id);
        if self.audience.raw().is_none() && self.client_id.raw().is_none() {
            reader.report(
                &self.audience,
                "missing; set the `aud` of the tokens to accept, or passport = false for a service without Passport",
            );
        }
        let mut audiences = reader.read(&self.audience).unwrap_or_default();
        audiences.extend(client_id.filter(|id| !audiences.contains(id)));
        audiences
    }

    /// Reports issuers other than Passport: they need an entry of their own, with their own keys.
    fn check_valid_issuers(&self, issuer: &str, reader: &mut Reader<'_>) {
        let listed = reader.read(&self.valid_issuers).unwrap_or_default();
        if listed.iter().any(|other| other != issuer) {
            reader.report(
                &self.valid_issuers,
                "only the `issuer` of this table is allowed here; add an entry to issuers for each other one",
            );
        }
    }

    /// Reports settings of Passport although Passport is not trusted.
    fn report_passport_settings(&self, reader: &mut Reader<'_>) {
        let settings: [(&dyn AnySetting, bool); 9] = [
            (&self.audience, self.audience.raw().is_some()),
            (&self.client_id, self.client_id.raw().is_some()),
            (&self.issuer, self.issuer.raw().is_some()),
            (&self.valid_issuers, self.valid_issuers.raw().is_some()),
            (&self.jwks_url, self.jwks_url.raw().is_some()),
            (&self.jwks_cache_file, self.jwks_cache_file.raw().is_some()),
            (&self.algorithms, self.algorithms.raw().is_some()),
            (&self.danger_plain_http, self.danger_plain_http.raw().is_some()),
            (&self.introspection, self.introspection.raw().is_some()),
        ];
        for (setting, _) in settings.into_iter().filter(|(_, is_set)| *is_set) {
            reader.report(setting, "only for Passport; remove it, or remove passport = false");
        }
    }
}
