use std::time::Duration;

use serde::Deserialize;

/// The table `limits` of a configuration.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Connections at a time, at each listener.
    pub(crate) connections: usize,
    /// Of these, connections of one caller. By default half of them; all, if there is no other
    /// caller.
    pub(crate) connections_per_caller: Option<usize>,
    /// Bytes of a request's head.
    pub(crate) head: usize,
    /// Seconds for a request's head, and for which a connection may wait for its next request.
    pub(crate) head_seconds: u64,
    /// Seconds for which a connection may move no byte, have no request, or not read its responses;
    /// and for which an upstream may take nothing of a request's body.
    pub(crate) idle_seconds: u64,
    /// Seconds for a token, or for the head of an upstream's response.
    pub(crate) answer_seconds: u64,
    /// Seconds for requests in flight during the shutdown.
    pub(crate) drain_seconds: u64,
    /// Forwarded requests at a time.
    pub(crate) forwarded: usize,
    /// Of these, requests of one caller.
    pub(crate) forwarded_per_caller: usize,
    /// KiB of each buffer for a body.
    pub(crate) stream_kib: usize,
    /// KiB of request bodies that a connection of HTTP/2 may send before they are read.
    pub(crate) connection_kib: usize,
    /// MiB of all buffers together.
    pub(crate) buffered_mib: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        connections: 1000,
        connections_per_caller: None,
        head: 16 * 1024,
        head_seconds: 30,
        idle_seconds: 300,
        answer_seconds: 30,
        drain_seconds: 25,
        forwarded: 1024,
        forwarded_per_caller: 256,
        stream_kib: 64,
        connection_kib: 256,
        buffered_mib: 1024,
    };

    /// Limits of the admin listener: operators send few requests, and small ones.
    pub(crate) const ADMIN: Self = Self {
        connections: 64,
        head_seconds: 5,
        idle_seconds: 60,
        answer_seconds: 5,
        drain_seconds: 1,
        connection_kib: 64,
        ..Self::DEFAULT
    };

    pub(crate) fn head_time(&self) -> Duration {
        Duration::from_secs(self.head_seconds)
    }

    pub(crate) fn idle_time(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    pub(crate) fn response_time(&self) -> Duration {
        Duration::from_secs(self.answer_seconds)
    }

    pub(crate) fn stream_bytes(&self) -> usize {
        self.stream_kib.saturating_mul(1024)
    }

    pub(crate) fn stream_window(&self) -> u32 {
        window(self.stream_bytes())
    }

    pub(crate) fn connection_window(&self) -> u32 {
        window(self.connection_kib.saturating_mul(1024))
    }

    /// Returns the window of a caller's connection to an upstream, for all of its streams.
    pub(crate) fn upstream_window(&self) -> u32 {
        window(self.stream_bytes().saturating_mul(self.forwarded_per_caller))
    }

    pub(crate) fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// Returns a valid window of HTTP/2
/// ([RFC 9113, section 6.9.1](https://www.rfc-editor.org/rfc/rfc9113#section-6.9.1)).
fn window(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).min(u32::MAX >> 1)
}
