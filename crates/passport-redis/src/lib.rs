//! A token cache on Redis that the instances of a service share: a token that one of them fetches
//! from Passport is used by all.
//!
//! [`RedisTokenStore`] is a [`TokenStore`](passport_outbound::TokenStore) on Redis 6.2 or later, or
//! Valkey: on one server, on a Cluster (feature `cluster`) or found by Sentinels (feature
//! `sentinel`); by TCP, TLS, mutual TLS or a Unix socket. Values are encrypted
//! ([`EncryptionKeys`]).
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
//! A configuration of `passport-config` names the store by `RedisStoreFactory` (feature `config`, on by
//! default).
//!
//! Redis is never needed for a token. While it does not work, each instance fetches tokens itself,
//! once for all its callers, and probes Redis in the background. `docs/caching.md` in the
//! repository describes the protocol, and how it behaves when Redis fails.

mod builder;
#[cfg(feature = "config")]
mod config;
mod connection;
mod encryption_keys;
mod envelope;
mod error;
mod key_names;
mod keyring;
mod metrics;
mod scripts;
mod sealing_key;
mod store;
mod task_outcome;

#[cfg(feature = "config")]
pub use crate::config::{RedisSettings, RedisStoreFactory};
pub use crate::{builder::RedisTokenStoreBuilder, encryption_keys::EncryptionKeys, store::RedisTokenStore};
