//! One token: when it is refreshed, who fetches it, and who waits for it.

mod background_runtime;
mod backoff;
mod cached_token;
mod credential;
mod entry;
mod error;
mod events;
mod fetch_task;
mod manager;
mod monotonic_clock;
mod schedule;
mod source;
mod step;
mod sync;

pub use self::error::{TokenError, TokenErrorKind};
pub(crate) use self::{
    cached_token::CachedToken,
    credential::{Credential, PendingCredential, SendableToken},
    entry::{RejectionEffect, Retention, Snapshot, TokenEntry},
    error::Failure,
    manager::TokenManager,
    monotonic_clock::MonotonicClock,
    schedule::{DEFAULT_THRESHOLD, LEAST_LIFE, Phase, RefreshPolicy},
    source::{FetchError, FetchFuture, FetchRequest, FetchedToken, TokenSource},
    step::Activity,
};
