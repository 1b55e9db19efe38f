//! Construction of identities and clients from the settings of a configuration.

use passport_core::SecretSource;
use passport_outbound::{AllowedOrigins, ManagedIdentity, ManagedIdentityBuilder, TokenCache};
#[cfg(feature = "reqwest")]
use passport_outbound::{Identity, ManagedIdentityHttpClient, ManagedIdentityHttpClientBuilder};
use serde_json::Value;

use super::{
    registry::ConfigRegistry,
    settings::{IdentitySettings, Store},
    store::DynStoreFactory,
};
use crate::{problems::within, reader::Reader, setting::AnySetting};

/// Returns a builder with the settings of the identity. Reports mistakes to `reader`.
///
/// Returns `None` if
/// - the client id is missing or invalid, or
/// - the reference to the secret is missing or invalid. If the tokens come from a sidecar, this
///   applies to the sidecar's settings instead.
pub(super) fn builder(
    settings: &IdentitySettings,
    reader: &mut Reader<'_>,
    registry: &ConfigRegistry,
) -> Option<ManagedIdentityBuilder> {
    let plain_http = reader.read(&settings.danger_plain_http).unwrap_or_default();
    let base_url = reader.read(&settings.base_url);
    origins(settings, reader, plain_http, base_url.as_deref());
    let client_id =
        reader.require(&settings.client_id, "set the client id of this service's managed identity");
    let via_sidecar = uses_sidecar(settings, registry);
    let secret = sources(settings, reader, via_sidecar);
    let secret = secret.and_then(|sources| sources.into_iter().reduce(SecretSource::or));
    let cache = cache(settings, reader, registry);
    let sidecar = cache.as_ref().filter(|_| via_sidecar).and_then(TokenCache::sidecar_endpoint);
    let is_complete = secret.is_some() || sidecar.is_some();
    // Placeholders for missing values, so that the builder finds all other mistakes.
    let id = client_id.clone().unwrap_or_else(|| "unused".to_owned());
    let builder = match sidecar {
        Some(sidecar) => ManagedIdentity::via_sidecar(id, sidecar.clone()),
        None => ManagedIdentity::builder(id, secret.unwrap_or_else(|| SecretSource::from_value("unused"))),
    };
    let builder = builder.transport_pool(registry.transports.clone());
    let builder = if plain_http { builder.danger_plain_http() } else { builder };
    let builder = cache.into_iter().fold(builder, ManagedIdentityBuilder::token_cache);
    let builder = with_options(settings, reader, builder);
    report_builder_problems(settings, reader, &builder);
    client_id.filter(|_| is_complete).map(|_| builder)
}

fn with_options(
    settings: &IdentitySettings,
    reader: &mut Reader<'_>,
    builder: ManagedIdentityBuilder,
) -> ManagedIdentityBuilder {
    let builder = reader.set(builder, &settings.ca_file, ManagedIdentityBuilder::ca_file);
    let builder = reader.set(builder, &settings.user_agent, ManagedIdentityBuilder::user_agent);
    let builder = reader.set(builder, &settings.passport_base_url, ManagedIdentityBuilder::issuer);
    let builder = reader.set(builder, &settings.token_url, ManagedIdentityBuilder::token_url);
    let builder = reader.set(builder, &settings.scopes, |builder, scopes| builder.scopes(scopes.join(" ")));
    let builder = reader.set(builder, &settings.refresh_threshold, ManagedIdentityBuilder::refresh_threshold);
    let builder = reader.set(builder, &settings.request_timeout, ManagedIdentityBuilder::request_timeout);
    let authentication = settings.credentials().authentication(reader);
    authentication.into_iter().fold(builder, ManagedIdentityBuilder::client_authentication)
}

/// Reports the mistakes that `builder` finds, under the names of the configuration keys.
pub(super) fn report_builder_problems(
    settings: &IdentitySettings,
    reader: &mut Reader<'_>,
    builder: &ManagedIdentityBuilder,
) {
    for problem in builder.problems() {
        let setting: &dyn AnySetting = match &*problem.option {
            "client_id" => &settings.client_id,
            "issuer" => &settings.passport_base_url,
            "token_url" => &settings.token_url,
            "scopes" => &settings.scopes,
            "ca_file" => &settings.ca_file,
            "client_authentication" => &settings.client_authentication,
            "request_timeout" => &settings.request_timeout,
            _ => {
                // No key of the configuration sets this option, so the problem keeps the builder's
                // name of the option.
                reader.extend([problem]);
                continue;
            }
        };
        reader.report(setting, &problem.problem);
    }
}

/// Returns whether the tokens come from a sidecar. If true, a client secret is not allowed,
/// because the sidecar has the secret.
pub(super) fn uses_sidecar(settings: &IdentitySettings, registry: &ConfigRegistry) -> bool {
    let mut stores = settings.cache.raw().and_then(Value::as_object).into_iter().flatten();
    stores.any(|(name, _)| registry.factory(name).is_some_and(DynStoreFactory::is_sidecar))
}

/// Returns a source for each reference to the client secret. Reports mistakes to `reader`.
///
/// Returns `None` if
/// - no reference is configured,
/// - a reference is invalid, or
/// - the tokens come from a sidecar.
pub(super) fn sources(
    settings: &IdentitySettings,
    reader: &mut Reader<'_>,
    via_sidecar: bool,
) -> Option<Vec<SecretSource>> {
    if via_sidecar {
        let (reference, provider) = (&settings.client_secret_ref, &settings.secret_provider);
        let problem = "not allowed with a sidecar, which holds the secret; remove the key";
        if reader.read(reference).is_some() {
            reader.report(reference, problem);
        }
        if reader.read(provider).is_some() {
            reader.report(provider, problem);
        }
        return None;
    }
    settings.credentials().sources(reader)
}

fn cache(
    settings: &IdentitySettings,
    reader: &mut Reader<'_>,
    registry: &ConfigRegistry,
) -> Option<TokenCache> {
    let is_disabled = reader.read(&settings.cache_tokens) == Some(false);
    let Some(Store(stores)) = reader.read(&settings.cache) else {
        return is_disabled.then(TokenCache::disabled);
    };
    if is_disabled {
        reader.report(&settings.cache_tokens, "conflicts with `cache`; remove one of them");
    }
    let mut stores = stores.into_iter();
    let (Some((name, values)), None) = (stores.next(), stores.next()) else {
        reader.report(&settings.cache, "expected exactly one store, for example { redis = { ... } }");
        return None;
    };
    let cache = registry.store(&name, &values);
    cache.map_err(|error| reader.extend(within(&format!("{}.{name}", settings.cache.key()), &error))).ok()
}

/// Returns the origins in `also_allow`, or `None` if the key is missing or invalid. Reports
/// mistakes in `also_allow` and in `base_url`.
fn origins(
    settings: &IdentitySettings,
    reader: &mut Reader<'_>,
    plain_http: bool,
    base_url: Option<&str>,
) -> Option<AllowedOrigins> {
    let listed = if plain_http { AllowedOrigins::danger_plain_http } else { AllowedOrigins::new };
    let of_url =
        if plain_http { AllowedOrigins::danger_plain_http_base_url } else { AllowedOrigins::base_url };
    let others = reader.read(&settings.also_allow);
    let others = others.and_then(|origins| reader.collect_all(&settings.also_allow, listed(origins)));
    base_url.and_then(|url| reader.collect_all(&settings.base_url, of_url(url)));
    others
}

/// The remedy in the message about a missing `base_url`, which an HTTP client requires.
#[cfg(feature = "reqwest")]
const BASE_URL_REMEDY: &str = "set the URL of the called service: https://host";

/// Reports a missing `base_url`, which an HTTP client requires. An invalid `base_url` is not
/// reported again, because [`builder`] has reported it.
#[cfg(feature = "reqwest")]
pub(super) fn require_base_url(settings: &IdentitySettings, reader: &mut Reader<'_>) {
    if settings.base_url.raw().is_none() {
        reader.require(&settings.base_url, BASE_URL_REMEDY);
    }
}

/// Returns a builder of an HTTP client for the service at `base_url`. The client attaches tokens
/// of `identity` to its requests. Reports mistakes to `reader`. Returns `None` if `base_url` is
/// missing or not a string.
#[cfg(feature = "reqwest")]
pub(super) fn client_builder(
    settings: &IdentitySettings,
    reader: &mut Reader<'_>,
    identity: Identity,
) -> Option<ManagedIdentityHttpClientBuilder> {
    let plain_http = reader.read(&settings.danger_plain_http).unwrap_or_default();
    let base_url = reader.require(&settings.base_url, BASE_URL_REMEDY);
    let others = origins(settings, reader, plain_http, base_url.as_deref());
    let builder = ManagedIdentityHttpClient::builder(identity, base_url.as_deref().unwrap_or_default());
    let builder = reader.set(builder, &settings.ca_file, ManagedIdentityHttpClientBuilder::ca_file);
    let builder = reader.set(builder, &settings.user_agent, ManagedIdentityHttpClientBuilder::user_agent);
    let builder = if plain_http { builder.danger_plain_http() } else { builder };
    let builder = others.into_iter().fold(builder, ManagedIdentityHttpClientBuilder::also_allow);
    base_url.map(|_| builder)
}
