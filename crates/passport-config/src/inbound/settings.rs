//! The configuration keys of a verifier. Suggestions for unknown keys and the JSON Schema are
//! derived from these keys.

use std::{num::NonZeroUsize, time::Duration};

use http::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    deny_list::DenyListSettings,
    introspection::IntrospectionSettings,
    issuer::{Algorithms, IssuerSettings},
    policy::PolicySettings,
    protected_resource::ResourceSettings,
    provider::ProviderSettings,
    section::{NamedTables, Section, Table, Tables},
    tenant::TenantIssuers,
};
use crate::setting::Setting;

#[derive(Deserialize, JsonSchema)]
pub(super) struct VerifierSettings {
    /// The accepted audiences of Passport's tokens: a list, or one string. Required, unless
    /// `client_id` is set or `passport` is false.
    pub(super) audience: Setting<Vec<String>>,
    /// The client id of the application, which is also an accepted audience: the one of its users'
    /// tokens. Defaults to none.
    pub(super) client_id: Setting<String>,
    /// The exact iss of Passport's tokens. Defaults to `https://passport.bizfirst.ai`.
    #[schemars(extend("format" = "uri"))]
    pub(super) issuer: Setting<String>,
    /// The issuer once more, as in .NET. Other issuers are entries of `issuers`.
    pub(super) valid_issuers: Setting<Vec<String>>,
    /// The URL of Passport's signing keys. Defaults to the one in the discovery document.
    #[schemars(extend("format" = "uri"))]
    pub(super) jwks_url: Setting<String>,
    /// The file in which Passport's signing keys are saved. Defaults to none.
    pub(super) jwks_cache_file: Setting<String>,
    /// The accepted signature algorithms of Passport's tokens. Defaults to RS256.
    pub(super) algorithms: Setting<Algorithms>,
    /// Whether the URLs of Passport are allowed to be plain http. Only for a private network that
    /// is trusted or encrypted. Defaults to false.
    pub(super) danger_plain_http: Setting<bool>,
    /// How Passport is asked whether a token is still active. Defaults to not at all: a token is
    /// accepted until it expires.
    pub(super) introspection: Setting<Table<IntrospectionSettings>>,
    /// Whether Passport is trusted. Set it to false for a service that accepts only the tokens of
    /// other issuers. Defaults to true.
    pub(super) passport: Setting<bool>,
    /// Further trusted issuers: a list, or a table by name. Defaults to none.
    pub(super) issuers: Setting<Tables<IssuerSettings>>,
    /// Further trusted issuers, with the names of the .NET options. Defaults to none.
    pub(super) external_providers: Setting<Tables<ProviderSettings>>,
    /// The issuers that may speak for a tenant, by tenant. Defaults to no restriction.
    pub(super) tenants: Setting<NamedTables<TenantIssuers>>,
    /// Named requirements. Defaults to none.
    pub(super) policies: Setting<NamedTables<PolicySettings>>,
    /// Paths that need no token, in axum's syntax. Defaults to none.
    pub(super) public_paths: Setting<Vec<String>>,
    /// The full names of gRPC services that need no token. Defaults to none.
    pub(super) public_grpc_services: Setting<Vec<String>>,
    /// The metadata by which clients find the authorization servers of the service (RFC 9728).
    /// Defaults to none.
    pub(super) protected_resource: Setting<Table<ResourceSettings>>,
    /// The list of denied callers, which events of the issuers fill. Defaults to none.
    pub(super) deny_list: Setting<Table<DenyListSettings>>,
    /// The accepted difference between the clocks. Defaults to 60 s.
    pub(super) clock_skew: Setting<Duration>,
    /// The time for which signing keys are fresh. Defaults to 10 min.
    pub(super) jwks_refresh_interval: Setting<Duration>,
    /// The minimum time between two refreshes that tokens cause. Defaults to 30 s.
    pub(super) jwks_cooldown: Setting<Duration>,
    /// How long signing keys are trusted while their issuer is unreachable. Defaults to 24 h.
    pub(super) jwks_max_stale: Setting<Duration>,
    /// The timeout of each request for signing keys. Defaults to 5 s.
    pub(super) jwks_request_timeout: Setting<Duration>,
    /// The maximum size of a token, in bytes. Defaults to 8192.
    pub(super) max_token_size: Setting<usize>,
    /// Whether verified tokens are cached. Defaults to true.
    pub(super) cache_tokens: Setting<bool>,
    /// The maximum number of cached tokens. Defaults to 10000.
    pub(super) max_cached_tokens: Setting<u64>,
    /// The maximum total size of the cached tokens, in bytes. Defaults to 16777216.
    pub(super) max_cached_bytes: Setting<u64>,
    /// The maximum number of concurrent signature verifications. Defaults to half of the
    /// processors.
    pub(super) max_concurrent_verifications: Setting<NonZeroUsize>,
    /// A PEM file with the certificates of a private CA, trusted in addition to the system's, for
    /// all issuers. Defaults to none.
    pub(super) ca_file: Setting<String>,
    /// The User-Agent header of requests to the issuers. Defaults to `tower-passport/<version>`.
    pub(super) user_agent: Setting<HeaderValue>,
}

impl Section for VerifierSettings {
    const NAME: &'static str = "verifier";
    const MAIN_KEYS: &'static str = "audience, issuer, issuers, ...";
    const OTHER_NAMES: &'static [(&'static str, &'static str)] =
        &[("audiences", "audience"), ("authority", "issuer"), ("jwks_uri", "jwks_url")];
    const NOT_USED: &'static [(&'static str, &'static str)] = &[
        ("client_secret", "a verifier needs no secret; remove it, or set client_secret_ref in introspection"),
        ("scopes", "only for the sign-in of users; remove it, or require scopes in a policy"),
    ];
}
