//! Records whether a connection to an upstream was reused or new when a request failed on it.
//!
//! Some upstreams close idle connections sooner than the pool does, such as Node after 5 s. A
//! request that fails on a reused connection is therefore retried. A request that fails on a new
//! connection is not retried.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::time::Instant;

/// When a connection to an upstream was established, and whether the connection has carried a
/// response. The history is an extension of each response on the connection, and of the
/// connection info of each error.
#[derive(Clone, Debug)]
pub(super) struct ConnectionHistory {
    established: Instant,
    had_response: Arc<AtomicBool>,
}

impl ConnectionHistory {
    /// Marks the connection as one that has carried a response. The connection then counts as
    /// reused.
    pub(super) fn note_response(&self) {
        self.had_response.store(true, Ordering::Relaxed);
    }

    /// Returns whether a request that began at `begin` reused the connection. This is true in two
    /// cases:
    /// - the connection was established before the request began;
    /// - the connection became free after another request, while the request waited for a new
    ///   connection.
    pub(super) fn is_reused(&self, begin: Instant) -> bool {
        self.established < begin || self.had_response.load(Ordering::Relaxed)
    }
}

/// A connection to an upstream, with its history.
pub(super) struct TrackedConnection<S> {
    stream: S,
    history: ConnectionHistory,
}

impl<S> TrackedConnection<S> {
    /// Wraps a connection that was just established.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            history: ConnectionHistory { established: Instant::now(), had_response: Arc::default() },
        }
    }
}

impl<S: Connection> Connection for TrackedConnection<S> {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.history.clone())
    }
}

impl<S: Read + Unpin> Read for TrackedConnection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: Write + Unpin> Write for TrackedConnection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }
}
