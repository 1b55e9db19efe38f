//! One token for a fleet: what one instance of a service fetches from Passport, all of them use.
//!
//! [`RedisTokenStore`] is a [`TokenStore`](passport_outbound::TokenStore) on Redis 6.2 or later, or Valkey: on one server, on a
//! Cluster (feature `cluster`) or found by Sentinels (feature `sentinel`); by TCP, TLS, mutual TLS or a Unix socket. What it
//! keeps is encrypted ([`EncryptionKeys`]).
//!
//! ```
//! use passport_outbound::{ManagedIdentity, SecretSource, TokenCache};
//! use passport_redis::{EncryptionKeys, RedisTokenStore};
//!
//! let keys = EncryptionKeys::new(SecretSource::env("TOKEN_CACHE_KEY")); // openssl rand -base64 32
//! let store = RedisTokenStore::builder("rediss://cache.internal:6379", keys)
//!     .username("payroll")
//!     .password(SecretSource::file("/run/secrets/redis"))
//!     .build()?;
//! let identity = ManagedIdentity::builder("mi-payroll-clientid", SecretSource::env("PAYROLL_SECRET"))
//!     .token_cache(TokenCache::shared(store))
//!     .build()?;
//! # Ok::<(), passport_outbound::ConfigError>(())
//! ```
//!
//! A configuration of `passport-config` names it by `RedisStores` (feature `config`, on by default).
//!
//! Redis is never needed for a token. While it does not work, each instance fetches for itself, once for all its callers;
//! a background probe finds out when it works again. `docs/caching.md` in the repository draws the protocol, and lists what
//! Redis can do to it.

mod builder;
#[cfg(feature = "config")]
mod config;
mod connection;
mod endpoint;
mod envelope;
mod error;
mod keyring;
mod keys;
mod metrics;
mod scripts;
mod store;
mod tls;

#[cfg(feature = "config")]
pub use crate::config::{RedisSettings, RedisStores};
pub use crate::{builder::RedisTokenStoreBuilder, keyring::EncryptionKeys, store::RedisTokenStore};
