use passport_outbound::{Sidecar, TokenCache};

use super::{StoreKind, StoreSettings};
use crate::ConfigKey;

const ENDPOINT: &str = "endpoint";
const CALLER_TOKEN_REF: &str = "caller_token_ref";

static KEYS: &[ConfigKey] = &[
    ConfigKey::text(ENDPOINT, "The sidecar: unix:///run/passport/sidecar.sock, or http://127.0.0.1:port."),
    ConfigKey::secret_reference(
        CALLER_TOKEN_REF,
        "Where the token is that it wants of this service, on TCP.",
    ),
];

/// Lets a configuration say `cache = { sidecar = { endpoint = ".." } }`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SidecarStoreKind;

impl StoreKind for SidecarStoreKind {
    fn keys(&self) -> &'static [ConfigKey] {
        KEYS
    }

    fn cache(&self, settings: &mut StoreSettings<'_>) -> Option<TokenCache> {
        let token = settings.secret(CALLER_TOKEN_REF);
        let Some(endpoint) = settings.text(ENDPOINT) else {
            settings.wrong(
                ENDPOINT,
                "it is missing; say where the sidecar is: unix:///run/passport/sidecar.sock",
            );
            return None;
        };
        match Sidecar::at(&endpoint) {
            Ok(sidecar) => Some(TokenCache::sidecar(token.into_iter().fold(sidecar, Sidecar::caller_token))),
            Err(error) => {
                settings.wrong(ENDPOINT, error);
                None
            }
        }
    }
}
