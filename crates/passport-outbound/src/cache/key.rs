use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use passport_core::{ClientId, Hex, Scopes};
use url::Url;

/// What a token was asked for with: the client id first, then a digest of the rest.
///
/// As text it is `<client id>:<64 hexadecimal digits>`. The parts (token URL, client
/// authentication, scopes) go into the digest with their lengths, so that no two questions share a
/// key. The secret is not among them: all active secrets of an identity give the same token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey {
    client_id: ClientId,
    parameters: [u8; 32],
}

impl TokenKey {
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

    /// Returns the client id.
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
