//! A shared token cache on Redis for `passport-outbound`. All instances of a service use a token
//! that one instance fetched from Passport. Tokens are encrypted before they are sent to Redis.
//!
//! ```toml
//! [dependencies]
//! passport-outbound = "0.1"
//! passport-redis = "0.1" # for Redis Cluster or Sentinel: features = ["cluster", "sentinel"]
//! ```
//!
//! # Features
//!
//! | Feature | Default | Adds |
//! |---|---|---|
//! | `config` | yes | `RedisStoreFactory`, for stores in configurations of `passport-config` |
//! | `cluster` | no | `RedisTokenStore::cluster`, for a Redis Cluster |
//! | `sentinel` | no | `RedisTokenStore::sentinel`, for a master that Redis Sentinel monitors |
//! | `deny-list` | no | `RedisDenyListStore`, which shares the deny list of `passport-inbound` |
//!
//! # Example
//!
//! ```
//! use passport_outbound::{ManagedIdentity, SecretSource, TokenCache};
//! use passport_redis::{EncryptionKeys, RedisTokenStore};
//!
//! // A key of `openssl rand -base64 32`, the same for all instances.
//! let keys = EncryptionKeys::new(SecretSource::env("TOKEN_CACHE_KEY"));
//! let store = RedisTokenStore::builder("rediss://cache.internal:6379", keys)
//!     .username("payroll")
//!     .password(SecretSource::file("/run/secrets/redis"))
//!     .build()?;
//!
//! let secret = SecretSource::env("PAYROLL_SECRET");
//! let identity = ManagedIdentity::builder("mi-payroll-clientid", secret)
//!     .token_cache(TokenCache::shared(store))
//!     .build()?;
//! # Ok::<(), passport_outbound::ConfigError>(())
//! ```
//!
//! # Concepts
//!
//! - **Store**: [`RedisTokenStore`] implements [`TokenStore`](passport_outbound::TokenStore) on
//!   Redis 6.2 or later, or Valkey, over TCP, TLS, mutual TLS or a Unix socket. Its settings are
//!   in [`RedisStoreBuilder`].
//! - **Encryption**: [`EncryptionKeys`] are the keys that encrypt tokens. All instances have
//!   these keys, and Redis does not. The keys can be rotated while the instances run.
//! - **Deny list**: `RedisDenyListStore` (feature `deny-list`) implements the `DenyListStore` of
//!   `passport-inbound`. A denial of one instance takes effect in all.
//! - **Outages**: no request needs Redis. While Redis is down, each instance fetches its tokens
//!   from Passport, and the concurrent callers of an instance share one fetch. The instance
//!   probes Redis in the background.
//!
//! # Guide
//!
//! In the repository: `docs/caching.md` (protocol, outages, key rotation, the ACL of the Redis
//! user), `docs/errors.md` (error messages and remedies), `docs/telemetry.md` (metrics and
//! logs).

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
#[cfg(feature = "config")]
mod config;
mod connection;
#[cfg(feature = "deny-list")]
mod deny_list;
mod encryption_keys;
mod envelope;
mod error;
mod key_names;
mod keyring;
mod metrics;
mod scripts;
mod sealed_value;
mod sealing_key;
mod store;
mod task_outcome;

#[cfg(feature = "config")]
pub use crate::config::{RedisSettings, RedisStoreFactory};
#[cfg(feature = "deny-list")]
pub use crate::deny_list::{RedisDenyListStore, RedisDenyListStoreBuilder};
pub use crate::{
    builder::RedisStoreBuilder,
    encryption_keys::EncryptionKeys,
    store::{RedisTokenStore, RedisTokenStoreBuilder},
};
