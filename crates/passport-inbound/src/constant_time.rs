//! Compares secrets in a time that does not depend on their content. Pure.

use std::{array, hint::black_box};

/// The number of bytes that are compared at once: four vector registers of any x86-64 or Arm
/// processor with 64 bits.
const BLOCK: usize = 64;

/// Returns whether both texts are equal. The duration depends only on their lengths, which are
/// no secret, so it does not reveal how much of a secret a client has guessed.
///
/// The loop has no early return and works on whole blocks, so that the compiler vectorizes it.
/// `cargo xtask instructions` checks both in the compiled code.
#[inline(never)] // the check counts the instructions of this function
pub(crate) fn is_equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (Some(last), Some(other_last)) = (one.last_chunk::<BLOCK>(), other.last_chunk::<BLOCK>()) else {
        let difference = one.iter().zip(other).fold(0, |so_far, (one, other)| so_far | (one ^ other));
        return black_box(difference) == 0;
    };
    // The last block overlaps the one before it, so that no single bytes remain.
    let mut differences: [u8; BLOCK] = array::from_fn(|byte| last[byte] ^ other_last[byte]);
    for (one, other) in one.as_chunks().0.iter().zip(other.as_chunks().0) {
        differences = add_differences(differences, one, other);
    }
    // The compiler must not know that only zero matters: it could return at the first difference.
    black_box(differences.iter().fold(0, |so_far, difference| so_far | difference)) == 0
}

/// Returns `so_far`, with the bits in which the blocks differ set as well.
#[inline(always)]
fn add_differences(so_far: [u8; BLOCK], one: &[u8; BLOCK], other: &[u8; BLOCK]) -> [u8; BLOCK] {
    array::from_fn(|byte| so_far[byte] | (one[byte] ^ other[byte]))
}

#[cfg(test)]
mod tests;
