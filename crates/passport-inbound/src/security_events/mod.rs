//! Receives logout tokens and security events of the trusted issuers, and denies their subjects.
//!
//! 1. A statement is verified with the keys of its issuer (`verify::statement`). `iss`, `aud`,
//!    `iat` and `jti` are required. A statement that is older than the retention of the deny list
//!    is rejected, because the denied tokens have expired.
//! 2. `logout_token` and `event` decide which denials follow. `subject` finds the denied subjects.
//!    They are pure.
//! 3. A statement concerns only tokens of the same issuer.
//! 4. A statement with the `jti` of another of its kind is a success, and has no second effect
//!    (`replay`).
//! 5. The response is a success only if the denial is saved.
//!
//! `receiver` is the HTTP service to which issuers push, and `poller` polls an issuer. Both use
//! one `processor`.

mod error;
mod event;
mod logout_token;
mod poll_message;
mod poller;
mod processor;
mod receiver;
mod replay;
mod response;
mod subject;

#[cfg(feature = "axum")]
pub(crate) use self::receiver::{EVENTS_PATH, LOGOUT_PATH};
pub use self::{
    poller::SecurityEventPoller,
    receiver::{SecurityEventFuture, SecurityEventReceiver},
};

#[cfg(test)]
mod tests;
