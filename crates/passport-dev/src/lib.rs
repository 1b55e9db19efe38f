//! A Passport for your laptop and your tests.
//!
//! [`DevPassport::start`] runs an HTTP server on a free loopback port, in your process: token
//! endpoint, discovery and JWKS at both documented paths, and introspection. It has managed
//! identities with secrets and roles, rotates its signing keys on demand, issues tokens of users
//! ([`TestJwtBuilder`]) and invalid tokens ([`InvalidToken`]), counts requests ([`Counters`]), and fails
//! in the ways of an identity provider ([`Fault`]).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use passport_dev::{DevPassport, Endpoint, Fault};
//!
//! let passport = DevPassport::start().await?;
//! let payroll = passport.managed_identity("payroll-scheduler").role("payroll.read").create();
//! println!("{} {} {}", passport.issuer(), payroll.client_id(), payroll.secret());
//!
//! passport.inject(Endpoint::Token, Fault::Down);
//! passport.clear_fault(Endpoint::Token);
//! assert_eq!(passport.counters().token(), 0);
//! # Ok(()) }
//! ```
//!
//! Tests of handlers need no server: a [`TestIdentity`] signs requests for a verifier that has its
//! keys.
//!
//! It is for development and tests only: nothing is persisted, and there is no admin API on HTTP.
//! The library is controlled by its Rust API, and the program by its console
//! (`passport-dev --console`).

mod builder;
mod client_key;
mod counters;
mod dev_passport;
mod faults;
mod identity;
mod invalid_token;
mod jwt;
mod keys;
mod registry;
mod routes;
mod serve;
mod server_state;
mod test_identity;

pub use passport_core::{Clock, ManualClock, SystemClock};

pub use crate::{
    builder::{DevPassportBuilder, StartError},
    client_key::ClientKeyKind,
    counters::Counters,
    dev_passport::DevPassport,
    faults::{Endpoint, Fault},
    identity::{DevIdentity, DevIdentityBuilder},
    invalid_token::InvalidToken,
    jwt::TestJwtBuilder,
    registry::DevSecret,
    test_identity::TestIdentity,
};
