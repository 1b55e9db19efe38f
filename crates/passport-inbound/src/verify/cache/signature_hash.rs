//! Hashes a token by the end of its signature. Pure.

/// The number of bytes at the end of a token that are hashed.
const HASHED: usize = 16;

/// Hashes a token by the last 16 bytes of its signature. These bytes are as good as random,
/// because only the issuer can make another token with the same last bytes. The random
/// multiplier keeps clients from predicting which tokens share a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignatureHash {
    multiplier: u64,
}

impl Default for SignatureHash {
    fn default() -> Self {
        // The multiplier is odd, so that the product loses no bits.
        Self { multiplier: fastrand::u64(..) | 1 }
    }
}

impl SignatureHash {
    pub(super) fn of(self, token: &[u8]) -> u64 {
        match token.last_chunk::<HASHED>() {
            Some(end) => {
                let end = u128::from_le_bytes(*end);
                #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
                let (first, last) = (end as u64, (end >> 64) as u64);
                self.add(self.add(0, last), first)
            }
            // Too short for a signature. Such a token is never cached.
            None => token.iter().fold(0, |hash, byte| self.add(hash, u64::from(*byte))),
        }
    }

    /// Adds a word to a hash. Folds both halves of the product, because base64 letters use few bits
    /// of each byte.
    fn add(self, hash: u64, word: u64) -> u64 {
        let product = u128::from(hash ^ word) * u128::from(self.multiplier);
        #[expect(clippy::cast_possible_truncation, reason = "each half of the product is used")]
        let folded = (product >> 64) as u64 ^ product as u64;
        folded
    }
}

#[cfg(test)]
mod tests;
