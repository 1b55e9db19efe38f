//! The settings of the whole verifier.

use std::{num::NonZeroUsize, time::Duration};

use http::HeaderValue;
use passport_core::{TransportPool, TransportSettings};
use passport_inbound::TokenVerifierBuilder;

use super::settings::VerifierSettings;
use crate::reader::Reader;

/// The parsed settings of the whole verifier. `None` for the defaults.
#[derive(Clone)]
pub(super) struct VerifierOptions {
    clock_skew: Option<Duration>,
    jwks_refresh_interval: Option<Duration>,
    jwks_cooldown: Option<Duration>,
    jwks_max_stale: Option<Duration>,
    jwks_request_timeout: Option<Duration>,
    max_token_size: Option<usize>,
    cache_tokens: Option<bool>,
    max_cached_tokens: Option<u64>,
    max_cached_bytes: Option<u64>,
    max_concurrent_verifications: Option<NonZeroUsize>,
    ca_file: Option<String>,
    user_agent: Option<HeaderValue>,
}

impl VerifierOptions {
    /// Parses the settings. Reports mistakes to `reader`.
    pub(super) fn read(settings: &VerifierSettings, reader: &mut Reader<'_>) -> Self {
        Self {
            clock_skew: reader.read(&settings.clock_skew),
            jwks_refresh_interval: reader.read(&settings.jwks_refresh_interval),
            jwks_cooldown: reader.read(&settings.jwks_cooldown),
            jwks_max_stale: reader.read(&settings.jwks_max_stale),
            jwks_request_timeout: reader.read(&settings.jwks_request_timeout),
            max_token_size: reader.read(&settings.max_token_size),
            cache_tokens: reader.read(&settings.cache_tokens),
            max_cached_tokens: reader.read(&settings.max_cached_tokens),
            max_cached_bytes: reader.read(&settings.max_cached_bytes),
            max_concurrent_verifications: reader.read(&settings.max_concurrent_verifications),
            ca_file: reader.read(&settings.ca_file),
            user_agent: reader.read(&settings.user_agent),
        }
    }

    /// Applies the settings to `builder`. With a pool, the transport comes from the pool.
    pub(super) fn apply(
        self,
        builder: TokenVerifierBuilder,
        pool: Option<&TransportPool>,
    ) -> TokenVerifierBuilder {
        type Builder = TokenVerifierBuilder;
        let builder = if let Some(transport) = pool.and_then(|pool| self.transport(pool)) {
            builder.transport(transport)
        } else {
            let builder = self.ca_file.into_iter().fold(builder, Builder::ca_file);
            self.user_agent.into_iter().fold(builder, Builder::user_agent)
        };
        let builder = self.clock_skew.into_iter().fold(builder, Builder::clock_skew);
        let builder = self.jwks_refresh_interval.into_iter().fold(builder, Builder::jwks_refresh_interval);
        let builder = self.jwks_cooldown.into_iter().fold(builder, Builder::jwks_cooldown);
        let builder = self.jwks_max_stale.into_iter().fold(builder, Builder::jwks_max_stale);
        let builder = self.jwks_request_timeout.into_iter().fold(builder, Builder::jwks_request_timeout);
        let builder = self.max_token_size.into_iter().fold(builder, Builder::max_token_size);
        let builder = self.cache_tokens.into_iter().fold(builder, Builder::cache_tokens);
        let builder = self.max_cached_tokens.into_iter().fold(builder, Builder::max_cached_tokens);
        let builder = self.max_cached_bytes.into_iter().fold(builder, Builder::max_cached_bytes);
        let permits = self.max_concurrent_verifications.into_iter();
        permits.fold(builder, Builder::max_concurrent_verifications)
    }

    /// Returns the transport of the pool. Returns `None` if the CA file cannot be read: the builder
    /// reports this mistake.
    fn transport(&self, pool: &TransportPool) -> Option<passport_core::Transport> {
        let settings = TransportSettings::default().transport_pool(pool.clone());
        let settings = self.ca_file.iter().fold(settings, TransportSettings::ca_file);
        let settings = self.user_agent.iter().cloned().fold(settings, TransportSettings::user_agent);
        settings.build(&mut Vec::new())
    }
}
