//! The keys of one identity, from which advice and the JSON Schema are made.

use crate::key::{ConfigKey, ValueKind};

const fn key(name: &'static str, kind: ValueKind, about: &'static str) -> ConfigKey {
    ConfigKey::of(name, kind, about)
}

pub(super) const REQUIRED: [&str; 1] = [CLIENT_ID];
/// One of them is required.
pub(super) const REQUIRED_ONE_OF: [&str; 2] = [CLIENT_SECRET_REF, CACHE];

pub(super) const CLIENT_ID: &str = "client_id";
pub(super) const CLIENT_SECRET_REF: &str = "client_secret_ref";
pub(super) const SECRET_PROVIDER: &str = "secret_provider";
pub(super) const PASSPORT_BASE_URL: &str = "passport_base_url";
pub(super) const TOKEN_URL: &str = "token_url";
pub(super) const SCOPES: &str = "scopes";
pub(super) const CACHE_TOKENS: &str = "cache_tokens";
pub(super) const CACHE: &str = "cache";
pub(super) const REFRESH_THRESHOLD: &str = "refresh_threshold";
pub(super) const REQUEST_TIMEOUT: &str = "request_timeout";
pub(super) const CLIENT_AUTHENTICATION: &str = "client_authentication";
pub(super) const SIGNING_ALGORITHM: &str = "signing_algorithm";
pub(super) const KEY_ID: &str = "key_id";
pub(super) const ASSERTION_AUDIENCE: &str = "assertion_audience";
pub(super) const BASE_URL: &str = "base_url";
pub(super) const ALSO_ALLOW: &str = "also_allow";
pub(super) const CA_FILE: &str = "ca_file";
pub(super) const DANGER_PLAIN_HTTP: &str = "danger_plain_http";
pub(super) const USER_AGENT: &str = "user_agent";

pub(super) const METHODS: &[&str] =
    &["client_secret_basic", "client_secret_basic_raw", "client_secret_post", "private_key_jwt"];
pub(super) const ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256"];

/// All keys of one identity.
pub(super) const KEYS: &[ConfigKey] = &[
    key(
        CLIENT_ID,
        ValueKind::Text,
        "The client id of the managed identity: one of its own for each service.",
    ),
    key(
        CLIENT_SECRET_REF,
        ValueKind::SecretReferences,
        "Where the client secret is (env:NAME, file:/path), or what secret_provider finds it by; of several the first that answers. Never the secret itself.",
    ),
    key(
        SECRET_PROVIDER,
        ValueKind::Text,
        "Who finds the secret, if client_secret_ref does not say: env, file, or one that the program registers.",
    ),
    key(
        PASSPORT_BASE_URL,
        ValueKind::Url,
        "Passport, which is the issuer of its tokens. https://passport.bizfirst.ai by default.",
    ),
    key(
        TOKEN_URL,
        ValueKind::Url,
        "Where tokens are requested. /passport/token below the base URL by default.",
    ),
    key(SCOPES, ValueKind::Words, "What is asked for. openid and roles by default."),
    key(
        CACHE_TOKENS,
        ValueKind::Switch,
        "Whether tokens are kept. True by default; false is for functions that end with their invocation.",
    ),
    key(
        CACHE,
        ValueKind::Store,
        "Where a fleet shares its tokens, or the sidecar that has them: a table with one key, its name, and settings. In memory by default.",
    ),
    key(
        REFRESH_THRESHOLD,
        ValueKind::Duration,
        "How long before its expiry a token is refreshed. 60 s by default.",
    ),
    key(
        REQUEST_TIMEOUT,
        ValueKind::Duration,
        "The most that one attempt to get a token takes. 10 s by default.",
    ),
    key(
        CLIENT_AUTHENTICATION,
        ValueKind::Choice(METHODS),
        "How the identity proves who it is. By default with its secret, as the issuer's discovery document says.",
    ),
    key(
        SIGNING_ALGORITHM,
        ValueKind::Choice(ALGORITHMS),
        "For private_key_jwt: what the key signs with. RS256 by default.",
    ),
    key(KEY_ID, ValueKind::Text, "For private_key_jwt: the name of the key (kid). None by default."),
    key(
        ASSERTION_AUDIENCE,
        ValueKind::Text,
        "For private_key_jwt: whom the assertion is for. The token URL by default.",
    ),
    key(BASE_URL, ValueKind::Url, "The service that is called, for a ManagedIdentityHttpClient."),
    key(ALSO_ALLOW, ValueKind::Origins, "Other origins that may see the token. None by default."),
    key(
        CA_FILE,
        ValueKind::Text,
        "A PEM file with the certificates of a private CA, trusted beside the system's, for Passport and for the service that is called. None by default.",
    ),
    key(
        DANGER_PLAIN_HTTP,
        ValueKind::Switch,
        "True lets Passport and the services that are called have plain http URLs, for a private network that is trusted or encrypted. False by default.",
    ),
    key(
        USER_AGENT,
        ValueKind::Text,
        "The User-Agent of requests to Passport and to the service that is called. tower-passport/<version> by default.",
    ),
];
