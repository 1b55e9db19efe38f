//! Types that `passport-outbound` and `passport-inbound` share: issuers, secrets, tokens, HTTP
//! transport, clocks.
//!
//! Applications rarely depend on this crate directly: `passport-outbound` and `passport-inbound`
//! re-export the types that applications need. Depend on this crate to write a
//! [`SecretProvider`], an [`HttpClient`] or a [`Clock`]:
//!
//! ```toml
//! [dependencies]
//! passport-core = { version = "0.1" }
//! ```
//!
//! # Features
//!
//! This crate has no features.
//!
//! # Example
//!
//! A provider for secrets that a program keeps in memory:
//!
//! ```
//! use std::collections::HashMap;
//!
//! use passport_core::{
//!     ResolvedSecret, Secret, SecretError, SecretErrorKind, SecretProvider, SecretRef,
//!     SecretSource,
//! };
//!
//! #[derive(Debug)]
//! struct InMemory(HashMap<String, Secret>);
//!
//! impl SecretProvider for InMemory {
//!     async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
//!         let secret = self.0.get(reference.path()).cloned().ok_or_else(|| {
//!             let reason = "no such entry; add it before the service starts";
//!             SecretError::new(SecretErrorKind::NotFound, reference.clone(), reason)
//!         })?;
//!         Ok(ResolvedSecret::new(secret))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = InMemory(HashMap::from([("payroll".to_owned(), Secret::new("s3cret"))]));
//! let source = SecretSource::new(provider, "memory:payroll".parse()?);
//! assert_eq!(source.resolve().await?.secret().expose(), "s3cret");
//! # Ok(())
//! # }
//! ```
//!
//! # Concepts
//!
//! - An [`Issuer`] is a Passport server and the URLs of its endpoints. [`discover`] fetches and
//!   validates the discovery document of an issuer.
//! - A [`ClientId`] and a [`SecretSource`] authenticate a service. A token request names the
//!   requested [`Scopes`], and its result is an [`AccessToken`].
//! - A [`ClientProof`] builds the request in which a client authenticates, by a method of
//!   [`ClientAuthentication`].
//! - A [`SecretRef`] such as `env:NAME` says where a secret is stored. A [`SecretProvider`]
//!   reads the secret, and [`SecretProviders`] is a registry of providers by name.
//! - A [`CallerToken`] is the verified token that a request to this service contained. The
//!   service sends the token on outgoing requests that it makes on behalf of the token's
//!   subject.
//! - A [`Transport`] sends requests to Passport through an [`HttpClient`], within
//!   [`ResponseLimits`].
//! - A [`Clock`] provides the current time. [`ManualClock`] is for tests.
//! - A [`SharedTask`] deduplicates concurrent calls (single flight): the calls share one run of
//!   the task. The run is spawned only on the runtime `Handle` that a call passes.
//! - The only global state of this crate is the table of files that are being read. See
//!   [`on_file_thread`].
//!
//! # Guide
//!
//! In the repository: `docs/secrets.md`, `docs/configuration.md`, `docs/propagation.md`,
//! `docs/errors.md`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod ca_certificates;
mod caller;
mod client_authentication;
mod client_id;
mod clock;
mod config_error;
mod discovery;
mod error_chain;
mod file_thread;
mod fingerprint;
mod hedge;
mod hex;
mod issuer;
mod millis;
mod origin;
mod retry_after;
mod scope;
mod secret;
mod shared_clock;
mod shared_task;
mod sync;
mod token;
mod transport;
mod unix_nanos;

pub use crate::{
    backoff::Backoff,
    ca_certificates::{CaCertificates, InvalidCaFile},
    caller::CallerToken,
    client_authentication::{
        ClientAuthentication, ClientAuthenticationError, ClientProof, Form, InvalidPrivateKey, PrivateKeyJwt,
        SigningAlgorithm,
    },
    client_id::{ClientId, InvalidClientId},
    clock::{Clock, ManualClock, SystemClock},
    config_error::{ConfigError, ConfigProblem},
    discovery::{DiscoveryError, ProviderMetadata, discover},
    error_chain::{chain, with_causes},
    file_thread::on_file_thread,
    fingerprint::Fingerprint,
    hedge::hedged,
    hex::Hex,
    issuer::{InvalidIssuer, Issuer},
    millis::{millis, unix_millis},
    origin::{InvalidOrigin, Origin},
    retry_after::{retry_after, retry_after_seconds},
    scope::{InvalidScope, Scopes},
    secret::{
        EnvSecrets, FileSecrets, InvalidSecretRef, InvalidSecretSource, ResolvedSecret, Secret, SecretError,
        SecretErrorKind, SecretProvider, SecretProviders, SecretRef, SecretSource, SystemdCredentials,
    },
    shared_clock::SharedClock,
    shared_task::{Attempt, JoinOutcome, SharedTask, TaskError, TaskLimits, WaitError, Waiter},
    token::{AccessToken, InvalidAccessToken},
    transport::{
        HttpClient, Idempotent, ReqwestHttpClient, ResponseLimits, TlsFailure, Transport, TransportError,
        TransportErrorKind, TransportPool, TransportSettings, USER_AGENT, request_to,
    },
    unix_nanos::{from_unix_nanos, unix_nanos},
};
