//! The keys, and what they become.

use std::path::PathBuf;

use http::HeaderValue;
use passport_core::{
    ConfigError, InvalidSecretSource, SecretProviders, SecretSource, TransportSettings, Transports,
};

use super::{
    key::{ConfigKey, Kind},
    providers::{Providers, SIDECAR},
    reader::Reader,
    value::{header, list, switch, table, text, texts},
    within,
};
use crate::{
    AllowedOrigins, ClientAuthentication, ManagedIdentityBuilder, PrivateKeyJwt, SigningAlgorithm,
    TokenCache, attach::base_url as base_url_of,
};

const fn key(name: &'static str, kind: Kind, about: &'static str) -> ConfigKey {
    ConfigKey::of(name, kind, about)
}

pub(super) const REQUIRED: [&str; 1] = [CLIENT_ID];
/// One of them.
pub(super) const REQUIRED_ONE_OF: [&str; 2] = [CLIENT_SECRET_REF, CACHE];

const CLIENT_ID: &str = "client_id";
pub(super) const CLIENT_SECRET_REF: &str = "client_secret_ref";
const SECRET_PROVIDER: &str = "secret_provider";
const PASSPORT_BASE_URL: &str = "passport_base_url";
const TOKEN_URL: &str = "token_url";
const SCOPES: &str = "scopes";
const CACHE_TOKENS: &str = "cache_tokens";
pub(super) const CACHE: &str = "cache";
const REFRESH_THRESHOLD: &str = "refresh_threshold";
const REQUEST_TIMEOUT: &str = "request_timeout";
const CLIENT_AUTHENTICATION: &str = "client_authentication";
const SIGNING_ALGORITHM: &str = "signing_algorithm";
const KEY_ID: &str = "key_id";
const ASSERTION_AUDIENCE: &str = "assertion_audience";
const BASE_URL: &str = "base_url";
const ALSO_ALLOW: &str = "also_allow";
const CA_FILE: &str = "ca_file";
const DANGER_PLAIN_HTTP: &str = "danger_plain_http";
const USER_AGENT: &str = "user_agent";

const METHODS: &[&str] =
    &["client_secret_basic", "client_secret_basic_raw", "client_secret_post", "private_key_jwt"];
const ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256"];

pub(super) const KEYS: &[ConfigKey] = &[
    key(CLIENT_ID, Kind::Text, "The client id of the managed identity: one of its own for each service."),
    key(
        CLIENT_SECRET_REF,
        Kind::SecretReferences,
        "Where the client secret is (env:NAME, file:/path), or what secret_provider finds it by; of several the first that answers. Never the secret itself.",
    ),
    key(
        SECRET_PROVIDER,
        Kind::Text,
        "Who finds the secret, if client_secret_ref does not say: env, file, or one that the program registers.",
    ),
    key(
        PASSPORT_BASE_URL,
        Kind::Url,
        "Passport, which is the issuer of its tokens. https://passport.bizfirst.ai by default.",
    ),
    key(TOKEN_URL, Kind::Url, "Where tokens are requested. /passport/token below the base URL by default."),
    key(SCOPES, Kind::Words, "What is asked for. openid and roles by default."),
    key(
        CACHE_TOKENS,
        Kind::Switch,
        "Whether tokens are kept. True by default; false is for functions that end with their invocation.",
    ),
    key(
        CACHE,
        Kind::Store,
        "Where a fleet shares its tokens, or the sidecar that has them: a table with one key, its name, and settings. In memory by default.",
    ),
    key(
        REFRESH_THRESHOLD,
        Kind::Duration,
        "How long before its expiry a token is refreshed. 60 s by default.",
    ),
    key(REQUEST_TIMEOUT, Kind::Duration, "The most that one attempt to get a token takes. 10 s by default."),
    key(
        CLIENT_AUTHENTICATION,
        Kind::Choice(METHODS),
        "How the identity proves who it is. By default with its secret, as the issuer's discovery document says.",
    ),
    key(
        SIGNING_ALGORITHM,
        Kind::Choice(ALGORITHMS),
        "For private_key_jwt: what the key signs with. RS256 by default.",
    ),
    key(KEY_ID, Kind::Text, "For private_key_jwt: the name of the key (kid). None by default."),
    key(
        ASSERTION_AUDIENCE,
        Kind::Text,
        "For private_key_jwt: whom the assertion is for. The token URL by default.",
    ),
    key(BASE_URL, Kind::Url, "The service that is called, for a ManagedIdentityHttpClient."),
    key(ALSO_ALLOW, Kind::Origins, "Other origins that may see the token. None by default."),
    key(
        CA_FILE,
        Kind::Text,
        "A PEM file with the certificates of a private CA, trusted beside the system's, for Passport and for the service that is called. None by default.",
    ),
    key(
        DANGER_PLAIN_HTTP,
        Kind::Switch,
        "True lets Passport and the services that are called have plain http URLs, for a private network that is trusted or encrypted. False by default.",
    ),
    key(
        USER_AGENT,
        Kind::Text,
        "The User-Agent of requests to Passport and to the service that is called. tower-passport/<version> by default.",
    ),
];

/// How servers are reached and trusted.
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

    fn transport_settings(&self, transports: &Transports) -> TransportSettings {
        let settings = TransportSettings::sharing(transports.clone());
        let settings = self.ca_file.iter().fold(settings, TransportSettings::ca_file);
        self.user_agent.iter().cloned().fold(settings, TransportSettings::user_agent)
    }
}

/// The settings of the identity, as far as they are good; what is wrong is noted.
pub(super) fn builder(reader: &mut Reader<'_>, providers: &Providers) -> Option<ManagedIdentityBuilder> {
    reader.refuse_unknown_keys();
    let network = Network::read(reader);
    target(reader, &network, false);
    let client_id = reader.require(CLIENT_ID, text, "name the managed identity of this service");
    let is_at_sidecar = reader.names(CACHE, SIDECAR);
    let secret = secret(reader, &providers.secrets, is_at_sidecar);
    // Goes on with stand-ins, so that what else is wrong is seen too.
    let unused = || Some(SecretSource::fixed("unused"));
    let secret_or_stand_in = if is_at_sidecar { None } else { secret.clone().or_else(unused) };
    let id = client_id.clone().unwrap_or_else(|| "unused".to_owned());
    let mut builder = ManagedIdentityBuilder::new(id, secret_or_stand_in)
        .transport_settings(network.transport_settings(&providers.transports));
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
    let cache = cache(reader, providers);
    let has_cache = cache.is_some();
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
    note_what_the_builder_says(reader, &builder);
    let is_whole = if is_at_sidecar { has_cache } else { secret.is_some() };
    client_id.filter(|_| is_whole).map(|_| builder)
}

/// The builder calls the issuer by its own name.
fn note_what_the_builder_says(reader: &mut Reader<'_>, builder: &ManagedIdentityBuilder) {
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
    made.map_err(|error| reader.note(within(&format!("{CACHE}.{name}"), &error))).ok()
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

/// One of a few words, in any case.
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

/// Which service is called, and where else the token may go.
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
    let others = reader.read(ALSO_ALLOW, list).and_then(|origins| {
        let new = if network.plain_http { AllowedOrigins::danger_plain_http } else { AllowedOrigins::new };
        let others = new(origins);
        for problem in others.as_ref().err().map(ConfigError::problems).unwrap_or_default() {
            reader.wrong(ALSO_ALLOW, &problem.problem);
        }
        others.ok()
    });
    let base_url = base_url.and_then(|url| {
        let checked = base_url_of(&url, network.plain_http).map(|_| url);
        reader.collect(BASE_URL, checked)
    });
    base_url.map(|base_url| (base_url, others))
}
