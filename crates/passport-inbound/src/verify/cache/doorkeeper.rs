//! Remembers which tokens have lost their slot, with one bit for each.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The number of bits for each token that the cache may hold. With eight, at most one new token
/// in eight is mistaken for a token that was seen before.
const BITS_PER_TOKEN: usize = 8;

/// The limits of the number of bits: from 64 bytes to 128 KiB.
const BITS: (u64, u64) = (512, 1 << 20);

/// A set of hashes that forgets all of them when it is full. It can contain a hash that was never
/// added, because two hashes can share a bit. A hash that it lacks was not added since it was
/// last full.
pub(super) struct Doorkeeper {
    bits: Box<[AtomicU64]>,
    /// The number of bits that were set since the set was last cleared.
    marks: AtomicUsize,
}

impl Doorkeeper {
    /// Creates an empty set that holds at least `tokens` hashes, if that many fit into 128 KiB.
    pub(super) fn new(tokens: u64) -> Self {
        let bits = tokens.saturating_mul(BITS_PER_TOKEN as u64).clamp(BITS.0, BITS.1).next_power_of_two();
        Self { bits: (0..bits / 64).map(|_| AtomicU64::new(0)).collect(), marks: AtomicUsize::new(0) }
    }

    /// Adds `hash`. Returns whether the set had it before.
    pub(super) fn add(&self, hash: u64) -> bool {
        // The low bits of the hash select the slot of the front, so tokens that compete for a slot
        // differ only in the other bits.
        let word = (hash >> 32) as usize & (self.bits.len() - 1);
        let bit = 1 << (hash >> 58);
        let was_known = self.bits[word].fetch_or(bit, Ordering::Relaxed) & bit != 0;
        if !was_known && self.marks.fetch_add(1, Ordering::Relaxed) >= self.capacity() {
            self.clear();
        }
        was_known
    }

    fn capacity(&self) -> usize {
        self.bits.len() * 64 / BITS_PER_TOKEN
    }

    /// Forgets all hashes. A concurrent `add` may be forgotten as well.
    #[cold]
    fn clear(&self) {
        self.marks.store(0, Ordering::Relaxed);
        self.bits.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests;
