use std::time::Duration;

use serde::Deserialize;

/// The table `limits` of a configuration.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Connections at a time, at each listener.
    pub(crate) max_connections: usize,
    /// Of these, connections of one caller. By default half of them; all, if there is no other
    /// caller.
    pub(crate) max_connections_per_caller: Option<usize>,
    /// Bytes of a request's head.
    pub(crate) max_head_bytes: usize,
    /// Seconds for a request's head, and for which a connection may wait for its next request.
    pub(crate) head_timeout_seconds: u64,
    /// Seconds for which a connection may move no byte, have no request, or not read its responses;
    /// and for which an upstream may take nothing of a request's body.
    pub(crate) idle_timeout_seconds: u64,
    /// Seconds for a token, or for the head of an upstream's response.
    pub(crate) response_timeout_seconds: u64,
    /// Seconds for requests in flight during the shutdown.
    pub(crate) shutdown_timeout_seconds: u64,
    /// Forwarded requests at a time.
    pub(crate) max_forwarded_requests: usize,
    /// Of these, requests of one caller.
    pub(crate) max_forwarded_requests_per_caller: usize,
    /// KiB of each buffer for a body.
    pub(crate) body_buffer_kib: usize,
    /// KiB of request bodies that a connection of HTTP/2 may send before they are read.
    pub(crate) http2_connection_window_kib: usize,
    /// MiB of all buffers together.
    pub(crate) max_buffered_mib: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        max_connections: 1000,
        max_connections_per_caller: None,
        max_head_bytes: 16 * 1024,
        head_timeout_seconds: 30,
        idle_timeout_seconds: 300,
        response_timeout_seconds: 30,
        shutdown_timeout_seconds: 25,
        max_forwarded_requests: 1024,
        max_forwarded_requests_per_caller: 256,
        body_buffer_kib: 64,
        http2_connection_window_kib: 256,
        max_buffered_mib: 1024,
    };

    /// Limits of the admin listener: operators send few requests, and small ones.
    pub(crate) const ADMIN: Self = Self {
        max_connections: 64,
        head_timeout_seconds: 5,
        idle_timeout_seconds: 60,
        response_timeout_seconds: 5,
        shutdown_timeout_seconds: 1,
        http2_connection_window_kib: 64,
        ..Self::DEFAULT
    };

    pub(crate) fn head_time(&self) -> Duration {
        Duration::from_secs(self.head_timeout_seconds)
    }

    pub(crate) fn idle_time(&self) -> Duration {
        Duration::from_secs(self.idle_timeout_seconds)
    }

    pub(crate) fn response_time(&self) -> Duration {
        Duration::from_secs(self.response_timeout_seconds)
    }

    pub(crate) fn stream_bytes(&self) -> usize {
        self.body_buffer_kib.saturating_mul(1024)
    }

    pub(crate) fn stream_window(&self) -> u32 {
        window(self.stream_bytes())
    }

    pub(crate) fn connection_window(&self) -> u32 {
        window(self.http2_connection_window_kib.saturating_mul(1024))
    }

    /// Returns the window of a caller's connection to an upstream, for all of its streams.
    pub(crate) fn upstream_window(&self) -> u32 {
        window(self.stream_bytes().saturating_mul(self.max_forwarded_requests_per_caller))
    }

    pub(crate) fn drain_time(&self) -> Duration {
        Duration::from_secs(self.shutdown_timeout_seconds)
    }
}

/// Returns a valid window of HTTP/2
/// ([RFC 9113, section 6.9.1](https://www.rfc-editor.org/rfc/rfc9113#section-6.9.1)).
fn window(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).min(u32::MAX >> 1)
}
