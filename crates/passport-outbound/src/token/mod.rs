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
    cached_token::Kept,
    credential::{Credential, PendingCredential, SendableToken},
    entry::{Keeping, Rejection, Slot, Snapshot},
    error::Failure,
    manager::Engine,
    monotonic_clock::SteadyTime,
    schedule::{DEFAULT_THRESHOLD, LEAST_LIFE, Phase, RefreshPolicy},
    source::{Ask, MintFuture, Minted, NotMinted, TokenSource},
    step::Activity,
};
