//! Where the encryption keys are, and how they are read.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use passport_core::SecretRef;
use passport_outbound::{SecretSource, StoreError};
use zeroize::Zeroizing;

use crate::sealing_key::{Ring, SealingKey};

/// Keys that encrypt tokens before they go to Redis: AES-256-GCM-SIV
/// ([RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)), with a key that all instances of the fleet
/// have and Redis has not. A key is 32 random bytes in base64: `openssl rand -base64 32`.
///
/// Keys are read when the first token is shared. They are read again in the background when a token
/// is shared and they are older than 5 minutes, or than one minute if a value has an unknown key.
/// So a key may be replaced in its source: values of the previous key are opened until the process
/// ends, or until the next replacement. To have no value rejected, rotate in two steps: first give
/// every instance the new key as one it [also accepts](Self::with_previous_keys), then swap the two.
#[derive(Clone, Debug)]
#[must_use]
pub struct EncryptionKeys {
    /// `None` for no encryption.
    sources: Option<Vec<SecretSource>>,
}

impl EncryptionKeys {
    /// Creates keys that seal with the key at `current`.
    pub fn new(current: SecretSource) -> Self {
        Self { sources: Some(vec![current]) }
    }

    /// Also opens values that were sealed with the key at `other`: the next one, or the previous
    /// one. Has no effect without encryption.
    pub fn with_previous_keys(mut self, other: SecretSource) -> Self {
        if let Some(sources) = &mut self.sources {
            sources.push(other);
        }
        self
    }

    /// Stores tokens in clear text: a reader of the Redis can act as every service that shares
    /// tokens there. For a Redis that only the fleet can reach, if it can have no keys.
    pub fn danger_unencrypted() -> Self {
        Self { sources: None }
    }

    /// Reads the keys from their sources.
    pub(crate) async fn read(&self) -> Result<Ring, StoreError> {
        let Some(sources) = &self.sources else { return Ok(Ring::Plain) };
        let mut keys = Vec::new();
        for source in sources {
            let secret = source.resolve().await.map_err(|error| {
                StoreError::new("an encryption key could not be read; see where it lies").with_source(error)
            })?;
            let key = decoded(secret.secret().expose()).and_then(|bytes| SealingKey::new(&bytes));
            keys.push(Arc::new(key.ok_or_else(|| {
                StoreError::new(
                    "an encryption key is not 32 bytes in base64; make one with `openssl rand -base64 32`",
                )
                .with_source(NotAKey(source.reference().clone()))
            })?));
        }
        Ok(Ring::Keys(keys))
    }
}

fn decoded(text: &str) -> Option<Zeroizing<[u8; SealingKey::LENGTH]>> {
    let mut bytes = Zeroizing::new([0; SealingKey::LENGTH]);
    let length = STANDARD.decode_slice(text.trim(), &mut *bytes).ok()?;
    (length == SealingKey::LENGTH).then_some(bytes)
}

#[derive(Debug, thiserror::Error)]
#[error("the key at {0}")]
struct NotAKey(SecretRef);

#[cfg(test)]
pub(crate) mod tests;
