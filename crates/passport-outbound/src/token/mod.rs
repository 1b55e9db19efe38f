//! Fetches one token, caches it, and refreshes it before it expires.
//!
//! A [`TokenManager`] returns the cached token of a [`TokenEntry`]. Without a valid token, the
//! manager starts a token fetch: a task that gets a token from a [`TokenSource`] (`fetch_task`).
//! Concurrent callers share the fetch. In names, `attempt` means a token fetch. The modules
//! `action`, `schedule` and `retry_backoff` are pure: they do no I/O and take the time as an
//! argument.

mod action;
mod background_runtime;
mod cache_entry;
mod cache_entry_state;
mod cached_token;
mod credential;
mod error;
mod events;
mod fetch_failure;
mod fetch_task;
mod manager;
mod monotonic_clock;
mod retry_backoff;
mod schedule;
mod service_token;
mod source;
mod sync;

pub use self::error::{TokenError, TokenErrorKind};
pub(crate) use self::{
    action::Activity,
    cache_entry::{RejectionEffect, Retention, TokenEntry},
    cache_entry_state::EntryState,
    cached_token::CachedToken,
    credential::{Credential, PendingCredential, SendableToken},
    fetch_failure::FetchFailure,
    manager::TokenManager,
    monotonic_clock::MonotonicClock,
    schedule::{DEFAULT_THRESHOLD, MIN_LIFETIME, Phase, RefreshSettings},
    service_token::ServiceToken,
    source::{FetchFuture, FetchRequest, FetchedToken, SourceError, TokenSource},
};
