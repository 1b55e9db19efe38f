//! The key of a token in caches and stores.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use passport_core::{ClientId, Hex, Scopes};
use url::Url;

/// The key of a token in a cache or store: the client id and a digest of the request
/// parameters.
///
/// `Display` prints `<client id>:<64 hexadecimal digits>`. The digest covers the token URL, the
/// kind of client authentication, and the scopes. It includes the length of each part, so that
/// different requests have different keys. The digest does not cover the secret, because all
/// active secrets of an identity get the same tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey {
    client_id: ClientId,
    parameters: [u8; 32],
}

impl TokenKey {
    /// Creates the key of a token request. The order of the scopes does not matter.
    pub(crate) fn new(client_id: &ClientId, token_url: &Url, authentication: &str, scopes: &Scopes) -> Self {
        let mut digest = Context::new(&SHA256);
        for part in [token_url.as_str(), authentication].into_iter().chain(scopes.iter()) {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let mut parameters = [0; 32];
        parameters.copy_from_slice(digest.finish().as_ref());
        Self { client_id: client_id.clone(), parameters }
    }

    /// Returns the client id of the identity for which the token is issued.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }
}

impl fmt::Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.client_id, Hex(&self.parameters))
    }
}

#[cfg(test)]
mod tests;
