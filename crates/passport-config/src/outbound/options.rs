//! Builds an identity, and the target of a client, from the values of a configuration.

use std::path::PathBuf;

use http::HeaderValue;
use passport_core::{ConfigError, InvalidSecretSource, SecretProviders, SecretSource};
use passport_outbound::{
    AllowedOrigins, ClientAuthentication, ManagedIdentity, ManagedIdentityBuilder, PrivateKeyJwt,
    SigningAlgorithm, TokenCache,
};

use super::{
    identity_keys::{
        ALGORITHMS, ALSO_ALLOW, ASSERTION_AUDIENCE, BASE_URL, CA_FILE, CACHE, CACHE_TOKENS,
        CLIENT_AUTHENTICATION, CLIENT_ID, CLIENT_SECRET_REF, DANGER_PLAIN_HTTP, KEY_ID, KEYS, METHODS,
        PASSPORT_BASE_URL, REFRESH_THRESHOLD, REQUEST_TIMEOUT, SCOPES, SECRET_PROVIDER, SIGNING_ALGORITHM,
        TOKEN_URL, USER_AGENT,
    },
    problems::within,
    registry::{Providers, SIDECAR},
};
use crate::{
    reader::Reader,
    value::{header, list, switch, table, text, texts},
};

/// The settings of connections to Passport and to the service.
#[derive(Clone, Default)]
pub(super) struct Network {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) plain_http: bool,
    pub(super) user_agent: Option<HeaderValue>,
}

impl Network {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            ca_file: reader.read(CA_FILE, text).map(PathBuf::from),
            plain_http: reader.read(DANGER_PLAIN_HTTP, switch).unwrap_or_default(),
            user_agent: reader.read(USER_AGENT, header),
        }
    }
}

/// Returns the settings of the identity. Mistakes are reported to `reader`.
pub(super) fn builder(reader: &mut Reader<'_>, providers: &Providers) -> Option<ManagedIdentityBuilder> {
    reader.refuse_unknown_keys();
    let network = Network::read(reader);
    target(reader, &network, false);
    let client_id = reader.require(CLIENT_ID, text, "name the managed identity of this service");
    let is_at_sidecar = reader.names(CACHE, SIDECAR);
    let secret = secret(reader, &providers.secrets, is_at_sidecar);
    // Missing values are replaced, so that all other mistakes are found as well.
    let id = client_id.clone().unwrap_or_else(|| "unused".to_owned());
    let cache = cache(reader, providers);
    let has_cache = cache.is_some();
    let mut builder = match cache.as_ref().and_then(TokenCache::sidecar_endpoint) {
        Some(sidecar) => ManagedIdentity::at_sidecar(id, sidecar.clone()),
        None => ManagedIdentity::builder(id, secret.clone().unwrap_or_else(|| SecretSource::fixed("unused"))),
    };
    builder = builder.sharing(providers.transports.clone());
    builder = network.ca_file.iter().fold(builder, ManagedIdentityBuilder::ca_file);
    builder = network.user_agent.iter().cloned().fold(builder, ManagedIdentityBuilder::user_agent);
    if network.plain_http {
        builder = builder.danger_plain_http();
    }
    if let Some(url) = reader.read(PASSPORT_BASE_URL, text) {
        builder = builder.issuer(url);
    }
    if let Some(url) = reader.read(TOKEN_URL, text) {
        builder = builder.token_url(url);
    }
    if let Some(scopes) = reader.read(SCOPES, list) {
        builder = builder.scopes(scopes.join(" "));
    }
    if let Some(cache) = cache {
        builder = builder.token_cache(cache);
    }
    if let Some(threshold) = reader.duration(REFRESH_THRESHOLD) {
        builder = builder.refresh_threshold(threshold);
    }
    if let Some(timeout) = reader.duration(REQUEST_TIMEOUT) {
        builder = builder.request_timeout(timeout);
    }
    if let Some(authentication) = authentication(reader) {
        builder = builder.client_authentication(authentication);
    }
    report_builder_problems(reader, &builder);
    let is_whole = if is_at_sidecar { has_cache } else { secret.is_some() };
    client_id.filter(|_| is_whole).map(|_| builder)
}

/// Reports the mistakes that the builder finds. Its `issuer` is `passport_base_url` here.
fn report_builder_problems(reader: &mut Reader<'_>, builder: &ManagedIdentityBuilder) {
    for problem in builder.problems() {
        let name = if problem.option == "issuer" { PASSPORT_BASE_URL } else { &*problem.option };
        if let Some(key) = KEYS.iter().find(|key| key.name == name) {
            reader.wrong(key.name, &problem.problem);
        }
    }
}

fn secret(reader: &mut Reader<'_>, secrets: &SecretProviders, is_at_sidecar: bool) -> Option<SecretSource> {
    sources(reader, secrets, is_at_sidecar)?.into_iter().reduce(SecretSource::or)
}

/// Returns one source for each reference of the client secret.
pub(super) fn sources(
    reader: &mut Reader<'_>,
    secrets: &SecretProviders,
    is_at_sidecar: bool,
) -> Option<Vec<SecretSource>> {
    if is_at_sidecar {
        for key in [CLIENT_SECRET_REF, SECRET_PROVIDER] {
            if reader.read(key, texts).is_some() {
                reader.wrong(key, "the sidecar has the secret; leave it out here");
            }
        }
        return None;
    }
    let remedy = "say where the secret is: env:NAME or file:/path";
    let references = reader.require(CLIENT_SECRET_REF, texts, remedy);
    let provider = reader.read(SECRET_PROVIDER, text);
    let references = references?;
    let several = references.len() > 1;
    if several && provider.is_some() {
        reader.wrong(
            SECRET_PROVIDER,
            "of several references each names its provider (env:NAME); leave this out",
        );
    }
    let provider = provider.as_deref().filter(|_| !several);
    let sources: Vec<_> =
        references.iter().map(|reference| source(reader, secrets, provider, reference)).collect();
    sources.into_iter().collect()
}

fn source(
    reader: &mut Reader<'_>,
    secrets: &SecretProviders,
    provider: Option<&str>,
    reference: &str,
) -> Option<SecretSource> {
    match secrets.source(provider, reference) {
        Err(
            error
            @ (InvalidSecretSource::NoSuchProvider { .. } | InvalidSecretSource::MissingProvider { .. }),
        ) if provider.is_some() => reader.collect(SECRET_PROVIDER, Err(error)),
        result => reader.collect(CLIENT_SECRET_REF, result),
    }
}

fn cache(reader: &mut Reader<'_>, providers: &Providers) -> Option<TokenCache> {
    let keeps_nothing = reader.read(CACHE_TOKENS, switch) == Some(false);
    let Some(stores) = reader.read(CACHE, table) else {
        return keeps_nothing.then(TokenCache::disabled);
    };
    if keeps_nothing {
        reader.wrong(CACHE_TOKENS, "it contradicts `cache`; leave one of them out");
    }
    let mut stores = stores.into_iter();
    let (Some((name, settings)), None) = (stores.next(), stores.next()) else {
        reader.wrong(CACHE, "it names no store, or several; name one: { redis = { ... } }");
        return None;
    };
    let made = providers.store(&name, &settings);
    made.map_err(|error| reader.extend(within(&format!("{CACHE}.{name}"), &error))).ok()
}

fn authentication(reader: &mut Reader<'_>) -> Option<ClientAuthentication> {
    let method = choice(reader, CLIENT_AUTHENTICATION, METHODS);
    let algorithm = choice(reader, SIGNING_ALGORITHM, ALGORITHMS);
    let (key_id, audience) = (reader.read(KEY_ID, text), reader.read(ASSERTION_AUDIENCE, text));
    if method == Some("private_key_jwt") {
        let signed = PrivateKeyJwt::new(match algorithm {
            Some("ES256") => SigningAlgorithm::Es256,
            Some("PS256") => SigningAlgorithm::Ps256,
            _ => SigningAlgorithm::Rs256,
        });
        let signed = key_id.into_iter().fold(signed, PrivateKeyJwt::key_id);
        return Some(audience.into_iter().fold(signed, PrivateKeyJwt::audience).into());
    }
    let signs = [
        (SIGNING_ALGORITHM, algorithm.is_some()),
        (KEY_ID, key_id.is_some()),
        (ASSERTION_AUDIENCE, audience.is_some()),
    ];
    for (key, _) in signs.into_iter().filter(|(_, is_there)| *is_there) {
        reader.wrong(
            key,
            "it is for client_authentication = \"private_key_jwt\" only; set that, or leave this out",
        );
    }
    match method? {
        "client_secret_basic_raw" => Some(ClientAuthentication::ClientSecretBasicRaw),
        "client_secret_post" => Some(ClientAuthentication::ClientSecretPost),
        _ => Some(ClientAuthentication::ClientSecretBasic),
    }
}

/// Reads one of a few words, in any case.
fn choice(
    reader: &mut Reader<'_>,
    key: &'static str,
    words: &'static [&'static str],
) -> Option<&'static str> {
    let word = reader.read(key, text)?;
    let found = words.iter().copied().find(|known| known.eq_ignore_ascii_case(&word));
    if found.is_none() {
        reader.wrong(key, format_args!("it is not one of {}", words.join(", ")));
    }
    found
}

/// Reads the base URL of the service, and the other origins that may receive the token.
pub(super) fn target(
    reader: &mut Reader<'_>,
    network: &Network,
    is_required: bool,
) -> Option<(String, Option<AllowedOrigins>)> {
    let base_url = if is_required {
        reader.require(BASE_URL, text, "name the service that is called: https://host")
    } else {
        reader.read(BASE_URL, text)
    };
    let allow = if network.plain_http { AllowedOrigins::danger_plain_http } else { AllowedOrigins::new };
    let others = reader.read(ALSO_ALLOW, list);
    let others = others.and_then(|origins| reported(reader, ALSO_ALLOW, allow(origins)));
    let check = if network.plain_http {
        AllowedOrigins::danger_plain_http_base_url
    } else {
        AllowedOrigins::base_url
    };
    let base_url = base_url.and_then(|url| reported(reader, BASE_URL, check(&url)).map(|_| url));
    base_url.map(|base_url| (base_url, others))
}

/// Returns the value of `result`, or reports each of its problems for `key`.
fn reported<T>(reader: &mut Reader<'_>, key: &'static str, result: Result<T, ConfigError>) -> Option<T> {
    for problem in result.as_ref().err().map(ConfigError::problems).unwrap_or_default() {
        reader.wrong(key, &problem.problem);
    }
    result.ok()
}
