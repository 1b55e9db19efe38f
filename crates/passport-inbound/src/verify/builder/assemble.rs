//! Builds the state of a verifier from the options of a builder without mistakes.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use passport_core::{ConfigError, ConfigProblem, InvalidClientId, Issuer, Transport};

use super::{
    TokenVerifierBuilder,
    check::{Checked, check, located, warn_about_unlisted_issuers},
};
use crate::{
    Introspection, TrustedIssuer,
    introspection::{Introspector, IntrospectorParts},
    issuers::{IssuerKind, TenantIssuers},
    jwks::{JwksCache, JwksCacheFile, JwksClient, KeySettings, RefreshScheduler},
    jwt::{algorithm::AllowedAlgorithms, issuer_pattern::IssuerPattern, validation::Policy},
    verify::{
        cache::VerifiedTokenCache,
        diagnostics::TokenSizeWarning,
        issuer_entry::IssuerEntry,
        issuer_table::IssuerTable,
        limits::{PermitQueue, VerificationPermits},
        pipeline::Pipeline,
        reload_state::ReloadState,
    },
};

/// Builds the state of a verifier.
pub(super) fn pipeline(builder: TokenVerifierBuilder) -> Result<Pipeline, ConfigError> {
    let Checked { transport, endpoints } = check(&builder)?;
    let none = Previous { entries: &[], has_same_transport: false };
    let scheduler = RefreshScheduler::new(builder.clock.clone());
    let entries = Assembly::new(&builder, &transport, &scheduler, none).entries(endpoints)?;
    warn_about_unlisted_issuers(&builder);
    Ok(Pipeline {
        issuers: ArcSwap::from_pointee(IssuerTable::new(entries)),
        cache: builder.caches_tokens.then(|| VerifiedTokenCache::new(builder.cache)),
        permits: VerificationPermits::new(builder.max_concurrent),
        permit_queue: PermitQueue::new(),
        max_wait: builder.keys.max_wait,
        max_token_size: builder.max_token_size,
        size_warning: TokenSizeWarning::default(),
        reload: Mutex::new(ReloadState { transport, pool: builder.transport.pool(), scheduler }),
        fixed: builder.fixed_options(),
        clock: builder.clock,
        deny_list: builder.deny_list,
        reject_if: builder.reject_if,
    })
}

/// Returns the mistakes in the options of a builder.
pub(super) fn problems(builder: &TokenVerifierBuilder) -> Vec<ConfigProblem> {
    let scheduler = RefreshScheduler::new(builder.clock.clone());
    let none = Previous { entries: &[], has_same_transport: false };
    let entries = check(builder).and_then(|Checked { transport, endpoints }| {
        Assembly::new(builder, &transport, &scheduler, none).entries(endpoints)
    });
    entries.err().map(|error| error.problems().to_vec()).unwrap_or_default()
}

/// Builds the entries of a verifier that is reloaded with the options of `builder`. Entries and
/// keys of `previous` that the options do not change are kept.
///
/// # Errors
/// When an option is invalid. The verifier is then unchanged.
pub(in crate::verify) fn reload(
    builder: TokenVerifierBuilder,
    pipeline: &Pipeline,
    state: &mut ReloadState,
    previous: &[Arc<IssuerEntry>],
) -> Result<Vec<Arc<IssuerEntry>>, ConfigError> {
    let transport = builder.transport.clone().transport_pool(state.pool.clone());
    let builder = TokenVerifierBuilder { transport, clock: pipeline.clock.clone(), ..builder };
    let Checked { transport, endpoints } = check(&builder)?;
    let previous = Previous { entries: previous, has_same_transport: transport.is_same(&state.transport) };
    let entries = Assembly::new(&builder, &transport, &state.scheduler, previous).entries(endpoints)?;
    warn_about_unlisted_issuers(&builder);
    state.transport = transport;
    Ok(entries)
}

/// The entries before a reload.
#[derive(Clone, Copy)]
struct Previous<'a> {
    entries: &'a [Arc<IssuerEntry>],
    /// Whether the reload keeps the transport.
    has_same_transport: bool,
}

/// What the entries of a verifier are built from.
struct Assembly<'a> {
    builder: &'a TokenVerifierBuilder,
    tenants: Arc<TenantIssuers>,
    transport: &'a Transport,
    scheduler: &'a Arc<RefreshScheduler>,
    previous: Previous<'a>,
}

impl<'a> Assembly<'a> {
    fn new(
        builder: &'a TokenVerifierBuilder,
        transport: &'a Transport,
        scheduler: &'a Arc<RefreshScheduler>,
        previous: Previous<'a>,
    ) -> Self {
        let tenants = Arc::new(builder.tenants.clone());
        Self { builder, tenants, transport, scheduler, previous }
    }

    /// Returns an entry for each trusted issuer, in the order of the configuration.
    fn entries(&self, endpoints: Vec<Issuer>) -> Result<Vec<Arc<IssuerEntry>>, ConfigError> {
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        for (index, (options, endpoints)) in self.builder.issuers().zip(endpoints).enumerate() {
            match self.entry(options, endpoints) {
                Ok(entry) => entries.push(entry),
                Err(problem) => problems.push(located(problem, index, options)),
            }
        }
        if problems.is_empty() { Ok(entries) } else { Err(ConfigError::new(problems)) }
    }

    fn entry(&self, options: &TrustedIssuer, endpoints: Issuer) -> Result<Arc<IssuerEntry>, ConfigProblem> {
        let settings = self.settings(options);
        let issuer = IssuerPattern::new(&options.issuer);
        let mut previous = self.previous.entries.iter();
        let previous = previous.find(|entry| entry.options.has_same_keys(options));
        let keeps_cache = previous.is_some_and(|entry| {
            let has_same_name = entry.name == options.issuer_name();
            self.previous.has_same_transport && has_same_name && entry.jwks.has_settings(&settings)
        });
        // Another issuer can take over directories from an issuer with a placeholder.
        let keeps_tokens = matches!(issuer, IssuerPattern::Exact(_)) || self.has_same_issuers();
        if let Some(entry) = previous
            && keeps_cache
            && keeps_tokens
            && entry.options == *options
            && entry.policy.clock_skew == settings.clock_skew
            && entry.tenants.agree_for(&self.tenants, |iss| issuer.matches(iss))
        {
            return Ok(Arc::clone(entry));
        }
        let introspector = match &options.introspection {
            Some(introspection) => Some(self.introspector(introspection, options, &endpoints)?),
            None => None,
        };
        let jwks = match previous {
            Some(entry) if keeps_cache => Arc::clone(&entry.jwks),
            _ => {
                let jwks = Arc::new(self.jwks(options, endpoints, settings)?);
                if let Some(entry) = previous {
                    jwks.adopt_keys(&entry.jwks);
                }
                jwks
            }
        };
        let policy = Policy { issuer, audiences: options.audiences.clone(), clock_skew: settings.clock_skew };
        let tenants = Arc::clone(&self.tenants);
        Ok(Arc::new(IssuerEntry::new(options.clone(), policy, tenants, jwks, introspector)))
    }

    /// Creates the introspector of an issuer.
    fn introspector(
        &self,
        introspection: &Introspection,
        options: &TrustedIssuer,
        endpoints: &Issuer,
    ) -> Result<Arc<Introspector>, ConfigProblem> {
        let invalid = |error| ConfigProblem::with_source("introspection.endpoint", error);
        let url = introspection.url(options.kind, endpoints).map_err(invalid)?;
        let url = url.ok_or_else(|| ConfigProblem::new("introspection.endpoint", "missing; set the URL"))?;
        let client_id = introspection.client_id.parse();
        let client_id = client_id
            .map_err(|error: InvalidClientId| ConfigProblem::with_source("introspection.client_id", error))?;
        let parts = IntrospectorParts {
            name: options.issuer_name(),
            client_id,
            url,
            audiences: options.audiences.clone(),
            transport: self.transport.clone(),
            clock: self.builder.clock.clone(),
        };
        Ok(Arc::new(Introspector::new(introspection, parts)))
    }

    /// Returns whether the issuers and their order are those before the reload.
    fn has_same_issuers(&self) -> bool {
        let before = self.previous.entries.iter().map(|entry| &entry.options.issuer);
        before.eq(self.builder.issuers().map(|options| &options.issuer))
    }

    /// Returns the settings of the issuer's keys: the issuer's own, or those of the builder.
    fn settings(&self, options: &TrustedIssuer) -> KeySettings {
        let defaults = self.builder.keys;
        KeySettings {
            clock_skew: options.clock_skew.unwrap_or(defaults.clock_skew),
            refresh_interval: options.refresh_interval.unwrap_or(defaults.refresh_interval),
            cooldown: options.cooldown.unwrap_or(defaults.cooldown),
            ..defaults
        }
    }

    /// Creates the cache of an issuer's keys. The cache contains the static keys of the issuer, or
    /// fetches the issuer's keys when they are first needed.
    fn jwks(
        &self,
        options: &TrustedIssuer,
        endpoints: Issuer,
        settings: KeySettings,
    ) -> Result<JwksCache, ConfigProblem> {
        let (name, clock) = (options.issuer_name(), self.builder.clock.clone());
        let scheduler = Arc::clone(self.scheduler);
        let Some(algorithms) = AllowedAlgorithms::new(options.algorithms.clone()) else {
            return Err(ConfigProblem::new("algorithms", "must not be empty; add an algorithm"));
        };
        if let Some(jwks) = &options.static_jwks {
            let keys = JwksCache::with_static_keys(name, jwks, algorithms, clock, scheduler);
            return keys.map_err(|error| ConfigProblem::with_source("static_jwks", error));
        }
        let endpoints = match options.kind {
            IssuerKind::Passport => endpoints,
            IssuerKind::External => endpoints.with_standard_discovery(),
        };
        let source = JwksClient::new(name.clone(), endpoints, self.transport.clone(), settings.fetch_timeout);
        let file = options.jwks_cache_file.clone().map(|path| JwksCacheFile { path });
        Ok(JwksCache::new(name, source, file, algorithms, settings, clock, scheduler))
    }
}
