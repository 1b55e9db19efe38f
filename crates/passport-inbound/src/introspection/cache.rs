//! The cached answers of an issuer, by the SHA-256 of the token. The time is an argument of each
//! function.

use std::{fmt, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use moka::sync::Cache;

/// How long a token that is not active, or has no valid answer, is rejected without another call,
/// in nanoseconds: 5 s.
const REJECTED_FOR: u64 = 5 * 1_000_000_000;

/// The maximum number of tokens that are known not to be active, and of those without a valid
/// answer. Such tokens cost nothing to make, so their number does not depend on the number of
/// callers.
const MAX_REJECTED: u64 = 10_000;

/// The maximum size of all cached answers about opaque tokens, in bytes.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// The assumed size of a cached answer without its body, in bytes.
const OVERHEAD: u32 = 128;

/// The SHA-256 of a token, by which its answer is cached.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token).as_ref());
        Self(hash)
    }
}

/// An answer that says that a token is active. All times are in nanoseconds since the Unix epoch.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Active {
    /// The position of the call in the order of the requests and calls.
    pub(crate) asked: u64,
    /// When the issuer was asked, or when it signed the answer if that is earlier.
    pub(crate) checked_at: u64,
    /// When the token expires.
    pub(crate) expires_at: u64,
    /// The body of the answer, for an opaque token. Empty for a token that is verified locally.
    pub(crate) body: Bytes,
}

impl Active {
    /// Returns whether the answer is at most `max_age` nanoseconds old, and the token has not
    /// expired.
    pub(crate) fn is_fresh(&self, max_age: u64, now: u64) -> bool {
        is_fresh(self.checked_at, self.expires_at, max_age, now)
    }
}

/// Returns whether an answer of the time `checked_at` is less than `max_age` old, and the token has
/// not expired. If the clock was set back, the age is unknown, and the answer is not fresh. All
/// times are in nanoseconds.
#[inline]
pub(super) fn is_fresh(checked_at: u64, expires_at: u64, max_age: u64, now: u64) -> bool {
    now.wrapping_sub(checked_at) < max_age && now < expires_at
}

/// What the cache knows about a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cached {
    /// The issuer has confirmed the token at some time. The answer can be too old.
    Active(Active),
    /// The issuer has said within the last 5 s that the token is not active.
    Inactive,
    /// Nothing.
    Unknown,
}

/// The cached answers of an issuer.
pub(super) struct AnswerCache {
    active: Cache<TokenHash, Active>,
    /// When the issuer said that each token is not active.
    inactive: Cache<TokenHash, u64>,
    /// When the issuer gave no valid answer about each token.
    unanswered: Cache<TokenHash, u64>,
}

impl AnswerCache {
    /// Creates an empty cache of at most `max_tokens` active tokens.
    pub(super) fn new(max_tokens: usize) -> Self {
        let max_tokens = u64::try_from(max_tokens).unwrap_or(u64::MAX).max(1);
        // moka has one limit, for the total weight. It also bounds the number of tokens, because
        // each weight is at least the limit divided by the number of tokens.
        let limit = MAX_BYTES.max(max_tokens.saturating_mul(u64::from(OVERHEAD)));
        let least = u32::try_from(limit / max_tokens).unwrap_or(u32::MAX);
        let weight = move |_: &TokenHash, active: &Active| {
            let size = u32::try_from(active.body.len()).unwrap_or(u32::MAX);
            size.saturating_add(OVERHEAD).max(least)
        };
        Self {
            active: Cache::builder().max_capacity(limit).weigher(weight).build(),
            inactive: Cache::builder().max_capacity(MAX_REJECTED).build(),
            unanswered: Cache::builder().max_capacity(MAX_REJECTED).build(),
        }
    }

    /// Returns what is known about a token at the time `now`.
    pub(super) fn get(&self, token: &TokenHash, now: u64) -> Cached {
        if remaining(self.inactive.get(token), now).is_some() {
            return Cached::Inactive;
        }
        match self.active.get(token) {
            Some(active) if now < active.expires_at => Cached::Active(active),
            Some(_) => {
                self.active.invalidate(token);
                Cached::Unknown
            }
            None => Cached::Unknown,
        }
    }

    /// Records that the issuer has confirmed a token.
    pub(super) fn insert_active(&self, token: TokenHash, active: Active) {
        self.inactive.invalidate(&token);
        self.active.insert(token, active);
    }

    /// Records that the issuer has said at the time `now` that a token is not active.
    pub(super) fn insert_inactive(&self, token: TokenHash, now: u64) {
        self.active.invalidate(&token);
        self.inactive.insert(token, now);
    }

    /// Records that the issuer has given no valid answer about a token at the time `now`. Its last
    /// valid answer is kept.
    pub(super) fn insert_unanswered(&self, token: TokenHash, now: u64) {
        self.unanswered.insert(token, now);
    }

    /// Returns after how long the issuer may be asked about a token again, if it has given no valid
    /// answer about it within the last 5 s.
    pub(super) fn unanswered_for(&self, token: &TokenHash, now: u64) -> Option<Duration> {
        remaining(self.unanswered.get(token), now)
    }

    /// Returns the numbers of active, inactive and unanswered tokens, after all evictions.
    #[cfg(test)]
    pub(super) fn len(&self) -> (u64, u64, u64) {
        self.active.run_pending_tasks();
        self.inactive.run_pending_tasks();
        self.unanswered.run_pending_tasks();
        (self.active.entry_count(), self.inactive.entry_count(), self.unanswered.entry_count())
    }
}

/// Returns how long a token that is rejected since `since` is still rejected without another call.
/// If the clock was set back, `since` is in the future, and the issuer is asked.
fn remaining(since: Option<u64>, now: u64) -> Option<Duration> {
    let age = now.wrapping_sub(since?);
    (age < REJECTED_FOR).then(|| Duration::from_nanos(REJECTED_FOR - age))
}

/// Does not show the hash, which identifies a token.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

/// Does not show the body, which has the claims of a caller.
impl fmt::Debug for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checked_at, expires_at, .. } = self;
        f.debug_struct("Active")
            .field("checked_at", checked_at)
            .field("expires_at", expires_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AnswerCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerCache").field("active", &self.active.entry_count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
