//! The vocabulary that both sides of tower-passport share.
//!
//! An [`Issuer`] names a Passport and knows its endpoints. A [`ClientId`] and a [`SecretSource`] are what a
//! service shows to get a token; [`Scopes`] are what it asks for; an [`AccessToken`] is what it gets. Both sides
//! talk to Passport through a [`Transport`] with fixed [`ResponseLimits`] and read the time from a [`Clock`].
//!
//! This crate chooses no runtime: a [`SharedTask`] spawns on the one that it is given. Its only global
//! state is the table of files that are being read, each on a thread of its own
//! ([`on_file_thread`]). You rarely depend on it directly:
//! `passport-outbound` and `passport-inbound` re-export what their users need.

mod backoff;
mod ca_certificates;
mod caller;
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
mod shared_task;
mod sync;
mod token;
mod transport;

pub use crate::{
    backoff::Backoff,
    ca_certificates::{CaCertificates, InvalidCaFile},
    caller::CallerToken,
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
    shared_task::{Attempt, Interrupted, Joined, SharedTask, TaskFailure, TaskLimits, Waiter},
    token::{AccessToken, InvalidAccessToken},
    transport::{
        HttpClient, Idempotent, ReqwestHttpClient, ResponseLimits, TlsFailure, Transport, TransportError,
        TransportErrorKind, TransportSettings, Transports, USER_AGENT, request_to,
    },
};
