//! A local Passport for development and tests: an issuer with real signatures that runs in the
//! process of a test, or as the program `passport-dev`. Tests can inject faults, rotate keys,
//! revoke secrets, and create valid and invalid tokens.
//!
//! ```toml
//! [dev-dependencies]
//! passport-dev = { version = "0.1", default-features = false }
//! ```
//!
//! # Features
//!
//! | Feature | Default | Adds |
//! |---|---|---|
//! | `cli` | yes | the program `passport-dev`; the library does not need it |
//!
//! # Example
//!
//! ```
//! use passport_dev::{DevPassport, Endpoint, Fault};
//!
//! #[tokio::main(flavor = "current_thread")] // in a test: #[tokio::test]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let passport = DevPassport::start().await?;
//!     let payroll = passport.managed_identity("payroll").role("payroll.read").create();
//!     println!("{} {} {}", passport.issuer(), payroll.client_id(), payroll.secret());
//!
//!     passport.inject(Endpoint::Token, Fault::Down);
//!     // Token requests fail here.
//!     passport.clear_fault(Endpoint::Token);
//!     assert_eq!(passport.counters().token(), 0);
//!     Ok(())
//! }
//! ```
//!
//! # Concepts
//!
//! - A [`DevPassport`] is an HTTP server on a free loopback port. It serves the token endpoint,
//!   discovery, JWKS, introspection and revocation at the paths that Passport documents.
//! - A [`DevIdentity`] is a managed identity that is registered at a dev Passport, with secrets
//!   and roles.
//! - A [`TestJwtBuilder`] creates tokens with any claims and headers. An [`InvalidToken`] names
//!   the defect of a token that every resource server must reject.
//! - A [`Fault`] makes an [`Endpoint`] fail. [`Counters`] count the requests to each endpoint.
//! - An [`EventReceiver`] gets Security Event Tokens (SETs) about revocations, by push or by poll.
//!   A receiver of logout tokens gets them when a user is logged out, see [`LogoutDelivery`].
//! - A [`TestIdentity`] is a user or a service that sends requests to a handler in a test. A
//!   test with a `TestIdentity` needs neither a server nor a network.
//!
//! The dev Passport persists nothing and has no admin API over HTTP. A test controls the dev
//! Passport by these types. A user of the program controls it by the console (`passport-dev
//! --console`). The dev Passport is not for production.
//!
//! # Guide
//!
//! In the repository: `docs/testing.md`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod client_key;
mod counters;
mod dev_passport;
mod events;
mod faults;
mod identity;
mod invalid_token;
mod jwt;
mod keys;
mod logout;
mod post;
mod push;
mod registry;
mod routes;
mod serve;
mod server_state;
mod test_identity;
#[cfg(test)]
mod test_support;
mod transmitter;
mod users;

pub use passport_core::{Clock, ManualClock, SystemClock, TransportError};

pub use crate::{
    builder::{DevPassportBuilder, StartError},
    client_key::ClientKeyKind,
    counters::Counters,
    dev_passport::DevPassport,
    events::{EventReceiver, InvalidReceiverUri, SetFailure},
    faults::{Endpoint, Fault},
    identity::{DevIdentity, DevIdentityBuilder},
    invalid_token::InvalidToken,
    jwt::TestJwtBuilder,
    logout::LogoutDelivery,
    registry::DevSecret,
    test_identity::TestIdentity,
};
