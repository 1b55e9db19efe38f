//! The token of one service, as a private copy.

use std::{fmt, ops::Deref, sync::Arc};

use arc_swap::{ArcSwap, cache::Cache};
use bytes::Bytes;
use http::HeaderValue;

use super::{CachedToken, EntryState, SendableToken, TokenEntry, TokenManager};

/// The private copy of the token that one service sends. Each service has one manager.
///
/// All services of an identity share the cached token. A service that is called repeatedly keeps a
/// private copy of the `Authorization` header, so that threads that have a service each do not
/// count references to the same memory. A service that is called once keeps no copy: often it is a
/// clone for one request.
#[derive(Default)]
pub(crate) enum ServiceToken {
    /// The service was not called yet.
    #[default]
    Unused,
    /// The service was called without keeping a copy.
    Used,
    Copied(Box<TokenCopy>),
}

/// A private copy of a cached token.
///
/// The copy is used only while the entry holds the same token: each call compares a pointer with
/// the entry's current snapshot. So an invalidated token is not sent again. Its copy is dropped
/// when the service is called again or dropped.
pub(crate) struct TokenCopy {
    manager: Arc<TokenManager>,
    snapshot: Cache<SnapshotOf, Arc<EntryState>>,
    token: SendableToken,
}

/// The snapshots of an entry.
struct SnapshotOf(Arc<TokenEntry>);

impl Deref for SnapshotOf {
    type Target = ArcSwap<EntryState>;

    fn deref(&self) -> &Self::Target {
        self.0.published()
    }
}

impl ServiceToken {
    /// Returns the copy of the token, if the token is sent now and no refresh is due. Returns
    /// `None` if the service has no copy.
    #[inline]
    pub(crate) fn fresh(&mut self) -> Option<&SendableToken> {
        match self {
            Self::Copied(copy) => copy.fresh(),
            Self::Unused | Self::Used => None,
        }
    }

    /// Counts a call for which [`fresh`](Self::fresh) returned `None`. Copies the token of
    /// `manager` if this is not the first call, and a token is cached. Drops the copy of a token
    /// that is no longer cached. Returns whether the token was copied.
    pub(crate) fn count_call(&mut self, manager: &Arc<TokenManager>) -> bool {
        match self {
            Self::Unused => *self = Self::Used,
            Self::Used => {
                if let Some(copy) = TokenCopy::of(manager) {
                    *self = Self::Copied(Box::new(copy));
                    return true;
                }
            }
            Self::Copied(copy) => {
                if copy.snapshot.load().cached.is_none() {
                    *self = Self::Used;
                }
            }
        }
        false
    }
}

impl TokenCopy {
    /// Copies the cached token of `manager`. Returns `None` if no token is cached.
    fn of(manager: &Arc<TokenManager>) -> Option<Self> {
        let mut snapshot = Cache::new(SnapshotOf(Arc::clone(&manager.entry)));
        let token = private(snapshot.load().cached.as_deref()?);
        Some(Self { manager: Arc::clone(manager), snapshot, token })
    }

    #[inline]
    fn fresh(&mut self) -> Option<&SendableToken> {
        let cached = self.snapshot.load().fresh_token(self.manager.now_nanos())?;
        if cached.generation != self.token.generation {
            self.token = private(cached);
        }
        cached.hits.increment(1);
        Some(&self.token)
    }
}

/// Returns a copy of the token's `Authorization` header that shares no memory with other copies.
#[cold]
fn private(cached: &CachedToken) -> SendableToken {
    let shared = cached.token.authorization();
    // Cloning `Bytes` takes the fewest instructions if they come from a vector with spare capacity.
    let mut copy = Vec::with_capacity(shared.len() + 1);
    copy.extend_from_slice(shared.as_bytes());
    // A copy of a valid header value is valid.
    let mut authorization =
        HeaderValue::from_maybe_shared(Bytes::from(copy)).unwrap_or_else(|_| shared.clone());
    authorization.set_sensitive(true);
    SendableToken { authorization, generation: cached.generation }
}

/// A clone is a new service.
impl Clone for ServiceToken {
    fn clone(&self) -> Self {
        Self::Unused
    }
}

impl fmt::Debug for ServiceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceToken").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
