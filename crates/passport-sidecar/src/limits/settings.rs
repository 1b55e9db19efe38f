//! The table `limits` of the configuration, and its defaults.

use std::time::Duration;

use serde::Deserialize;

/// The table `limits`. `docs/sidecar.md` describes the keys and their defaults.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// The limit on concurrent connections at each listener. A further connection gets a 429.
    pub(crate) max_connections: usize,
    /// The limit on concurrent connections of one caller at each listener. `None` means half of
    /// `max_connections`, or all of them if there is only one caller.
    pub(crate) max_connections_per_caller: Option<usize>,
    /// The size limit of a request's head (request line and headers), in bytes. A larger head gets
    /// a 431.
    pub(crate) max_head_bytes: usize,
    /// The time limit in seconds for receiving the head of a request, and for waiting for the next
    /// request on an HTTP/1 connection.
    pub(crate) head_timeout_seconds: u64,
    /// The time in seconds after which a connection, or a forwarded request, without progress is
    /// ended. No progress means one of these:
    /// - no byte is transferred;
    /// - no request is in flight on the connection;
    /// - the client does not read its response;
    /// - an upstream does not read the body of a request.
    pub(crate) idle_timeout_seconds: u64,
    /// How long a request waits for a token, and how long it waits for the head of an upstream's
    /// response, in seconds.
    pub(crate) response_timeout_seconds: u64,
    /// How long the shutdown waits for requests in flight before it aborts these requests, in
    /// seconds.
    pub(crate) shutdown_timeout_seconds: u64,
    /// The limit on forwarded requests in flight, of all callers together. A further request gets a
    /// 503.
    pub(crate) max_forwarded_requests: usize,
    /// The limit on forwarded requests in flight of one caller. A further request of this caller
    /// gets a 429.
    pub(crate) max_forwarded_requests_per_caller: usize,
    /// The size in KiB of each buffer that holds a part of a body. This size is also the
    /// flow-control window of an HTTP/2 stream.
    pub(crate) body_buffer_kib: usize,
    /// The flow-control window of a client's HTTP/2 connection in KiB. The client can send this
    /// much of all its request bodies together before the sidecar reads them.
    pub(crate) http2_connection_window_kib: usize,
    /// The limit on the memory of all buffers together in MiB. If the other limits allow more
    /// memory, the configuration is rejected.
    pub(crate) max_buffered_mib: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    /// The limits of a configuration without the table `limits`.
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

    /// The limits of the admin listener, which gets few requests, all of them small.
    pub(crate) const ADMIN: Self = Self {
        max_connections: 64,
        head_timeout_seconds: 5,
        idle_timeout_seconds: 60,
        response_timeout_seconds: 5,
        shutdown_timeout_seconds: 1,
        http2_connection_window_kib: 64,
        ..Self::DEFAULT
    };

    /// Returns `head_timeout_seconds` as a duration.
    pub(crate) fn head_timeout(&self) -> Duration {
        Duration::from_secs(self.head_timeout_seconds)
    }

    /// Returns `idle_timeout_seconds` as a duration.
    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout_seconds)
    }

    /// Returns `response_timeout_seconds` as a duration.
    pub(crate) fn response_timeout(&self) -> Duration {
        Duration::from_secs(self.response_timeout_seconds)
    }

    /// Returns `body_buffer_kib` in bytes.
    pub(crate) fn stream_bytes(&self) -> usize {
        self.body_buffer_kib.saturating_mul(1024)
    }

    /// Returns the HTTP/2 window of one stream in bytes.
    pub(crate) fn stream_window(&self) -> u32 {
        window(self.stream_bytes())
    }

    /// Returns the HTTP/2 window of a client's connection in bytes.
    pub(crate) fn connection_window(&self) -> u32 {
        window(self.http2_connection_window_kib.saturating_mul(1024))
    }

    /// Returns the HTTP/2 window of a connection to an upstream in bytes. The window has room for
    /// all streams of a caller, so that a stream that is not read does not delay the other streams.
    pub(crate) fn upstream_window(&self) -> u32 {
        window(self.stream_bytes().saturating_mul(self.max_forwarded_requests_per_caller))
    }

    /// Returns `shutdown_timeout_seconds` as a duration.
    pub(crate) fn shutdown_timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_timeout_seconds)
    }
}

/// Returns the largest valid HTTP/2 window of at most `bytes`
/// ([RFC 9113, section 6.9.1](https://www.rfc-editor.org/rfc/rfc9113#section-6.9.1)).
fn window(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).min(u32::MAX >> 1)
}
