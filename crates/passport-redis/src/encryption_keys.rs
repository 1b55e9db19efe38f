//! The sources of the encryption keys, and reading the keys from them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use passport_core::SecretRef;
use passport_outbound::{SecretSource, StoreError};
use zeroize::Zeroizing;

use crate::sealing_key::{Keyring, SealingKey};

/// The keys that encrypt tokens and denials before they are sent to Redis, with AES-256-GCM-SIV
/// ([RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)). All instances of a service have the same
/// keys, and Redis does not have them. A key is 32 random bytes in base64, for example from
/// `openssl rand -base64 32`.
///
/// # Rotation
///
/// A key can be replaced in its source without a restart. The first use of the store reads the
/// keys. A later use reloads the keys in the background:
///
/// - if the keys are older than 5 minutes;
/// - if the keys are older than 1 minute, and a value in Redis was encrypted with an unknown
///   key.
///
/// After a key was replaced, the process keeps the old key to decrypt existing values. It drops
/// the old key when a key is replaced again.
///
/// The instances do not reload at the same time. An instance without the new key ignores the
/// values that the new key encrypted, and fetches tokens itself, until it reloads. To avoid
/// these fetches, rotate in two steps: first add the new key to all instances by
/// [`with_previous_keys`](Self::with_previous_keys), then swap the two keys.
#[derive(Clone, Debug)]
#[must_use]
pub struct EncryptionKeys {
    /// The sources of the keys. The first key encrypts, all keys decrypt. `None` for no encryption.
    sources: Option<Vec<SecretSource>>,
}

impl EncryptionKeys {
    /// Creates a set of one key, which encrypts and decrypts. `current` is the source of the key.
    pub fn new(current: SecretSource) -> Self {
        Self { sources: Some(vec![current]) }
    }

    /// Adds a key that only decrypts. This is the previous key, or, in the first step of a rotation
    /// in two steps, the next key. Each call adds one more key and keeps the keys of earlier calls.
    /// Has no effect on [`danger_unencrypted`](Self::danger_unencrypted).
    pub fn with_previous_keys(mut self, key: SecretSource) -> Self {
        if let Some(sources) = &mut self.sources {
            sources.push(key);
        }
        self
    }

    /// Turns encryption off: tokens are stored in clear text.
    ///
    /// **Danger:** everyone who can read this Redis can act as every service that stores tokens in
    /// it. Use this only for a Redis that no other program can reach, and only if it is not
    /// possible to give the instances a key.
    pub fn danger_unencrypted() -> Self {
        Self { sources: None }
    }

    /// Returns the references of the keys, separated by commas, for error messages.
    pub(crate) fn references(&self) -> String {
        let sources = self.sources.iter().flatten();
        sources.map(|source| format!("`{}`", source.reference())).collect::<Vec<_>>().join(", ")
    }

    /// Reads all keys from their sources. Returns an error if any key is missing or invalid.
    pub(crate) async fn read(&self) -> Result<Keyring, StoreError> {
        let Some(sources) = &self.sources else { return Ok(Keyring::Unencrypted) };
        let mut keys = Vec::new();
        for source in sources {
            let secret = source.resolve().await.map_err(|error| {
                StoreError::new("cannot read an encryption key; the cause names its reference")
                    .with_source(error)
            })?;
            let key = decode(secret.secret().expose()).and_then(|bytes| SealingKey::new(&bytes));
            keys.push(Arc::new(key.ok_or_else(|| {
                StoreError::new(
                    "an encryption key is not 32 bytes in base64; create one with `openssl rand -base64 32`",
                )
                .with_source(InvalidKey(source.reference().clone()))
            })?));
        }
        Ok(Keyring::Keys(keys))
    }
}

/// Decodes a key of 32 bytes in base64. Ignores blanks and line breaks around `text`. Returns
/// `None` if `text` is not base64 or has another length.
fn decode(text: &str) -> Option<Zeroizing<[u8; SealingKey::LENGTH]>> {
    let mut bytes = Zeroizing::new([0; SealingKey::LENGTH]);
    let length = STANDARD.decode_slice(text.trim(), &mut *bytes).ok()?;
    (length == SealingKey::LENGTH).then_some(bytes)
}

/// The cause of the error if a text is not a key. Contains the reference of that text.
#[derive(Debug, thiserror::Error)]
#[error("its reference is `{0}`")]
struct InvalidKey(SecretRef);

#[cfg(test)]
pub(crate) mod tests;
