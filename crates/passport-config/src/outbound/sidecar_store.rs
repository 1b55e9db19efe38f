use passport_outbound::{SidecarEndpoint, TokenCache};
use schemars::JsonSchema;
use serde::Deserialize;

use super::store::StoreFactory;
use crate::{reader::Reader, setting::Setting, value::SecretRefValue};

/// The factory of the store `sidecar`, which gets tokens from a sidecar. The store is configured
/// with `cache = { sidecar = { endpoint = ".." } }`.
#[derive(Clone, Copy, Debug)]
pub(super) struct SidecarStoreFactory;

#[derive(Deserialize, JsonSchema)]
pub(super) struct SidecarSettings {
    /// The URL of the sidecar: `unix:///run/passport/sidecar.sock`, or `http://127.0.0.1:port`.
    endpoint: Setting<String>,
    /// The reference of the token that authenticates this service to the sidecar over TCP.
    auth_token_ref: Setting<SecretRefValue>,
}

impl StoreFactory for SidecarStoreFactory {
    type Settings = SidecarSettings;

    fn cache(&self, settings: &SidecarSettings, reader: &mut Reader<'_>) -> Option<TokenCache> {
        let token = reader.secret(&settings.auth_token_ref);
        let remedy = "set the address of the sidecar: unix:///run/passport/sidecar.sock";
        let endpoint = reader.require(&settings.endpoint, remedy)?;
        let sidecar = reader.collect(&settings.endpoint, SidecarEndpoint::new(&endpoint))?;
        Some(TokenCache::sidecar(token.into_iter().fold(sidecar, SidecarEndpoint::auth_token)))
    }
}
