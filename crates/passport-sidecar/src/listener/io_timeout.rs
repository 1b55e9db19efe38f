//! Limits the time until the first bytes of a client arrive. After that, limits the time in
//! which no byte is transferred on the connection.
//!
//! Without these limits a hung HTTP/1 client, such as a deadlocked worker of a service, would
//! hold its permits until it is restarted. A hung HTTP/2 client can still respond to pings,
//! which transfers bytes. [`super::usage`] closes the connection of such a client.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// The number of bytes that distinguish HTTP/1 from HTTP/2 (the length of the HTTP/2 connection
/// preface). No request of a client is shorter.
const PREFACE_LEN: usize = 24;

/// A stream that fails with an error in two cases: its first bytes arrive too late, or nothing
/// is read or written for too long after that.
///
/// hyper limits the time for receiving the head of a request. It does not limit:
/// - the time for the bytes before the head, which identify the version of HTTP;
/// - the time of a client that sends or reads a body slowly.
pub(super) struct TimeoutStream<S> {
    stream: S,
    read: usize,
    idle: Duration,
    last_progress: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<S> TimeoutStream<S> {
    /// Creates a stream that fails if its first bytes do not arrive within `first`, or if after
    /// that no byte is transferred for `idle`.
    pub(super) fn new(stream: S, first: Duration, idle: Duration) -> Self {
        Self { stream, read: 0, idle, last_progress: Instant::now(), timer: Box::pin(sleep(first)) }
    }

    fn note_progress(&mut self) {
        if self.read >= PREFACE_LEN {
            self.last_progress = Instant::now();
        }
    }

    /// Polls the timer. Returns ready with an error when the current time limit is reached.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            // The timer is reset only when it fires. This is cheaper than a reset for each
            // transferred byte.
            let end = self.last_progress + self.idle;
            if self.read < PREFACE_LEN || end <= Instant::now() {
                return Poll::Ready(ErrorKind::TimedOut.into());
            }
            self.timer.as_mut().reset(end);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimeoutStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_pending() {
            return self.poll_timeout(cx).map(Err);
        }
        self.read = self.read.saturating_add(buf.filled().len() - before);
        self.note_progress();
        read
    }
}

impl<S: AsyncWrite + Unpin> TimeoutStream<S> {
    fn written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            return self.poll_timeout(cx).map(Err);
        }
        self.note_progress();
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimeoutStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
