//! One token: its cache entry, its fetches, and the schedule of its refresh.
//!
//! A [`TokenManager`] returns the cached token of a [`TokenEntry`], or starts an attempt to fetch
//! one from a [`TokenSource`] in a task of its own (`fetch_task`). Concurrent callers share the
//! attempt. The decisions are pure: `action`, `schedule` and `retry_backoff` take the time as an
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
    schedule::{DEFAULT_THRESHOLD, LEAST_LIFE, Phase, RefreshSettings},
    source::{FetchFuture, FetchRequest, FetchedToken, SourceError, TokenSource},
};
