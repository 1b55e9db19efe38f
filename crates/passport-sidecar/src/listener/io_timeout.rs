//! Limits the time in which a client sends its first bytes, and then the time without a byte. It is
//! for a hung client of HTTP/1, such as a deadlocked worker of a service, which would keep its
//! permits until it is restarted. A hung client of HTTP/2 may answer pings, which are bytes: see
//! [`super::usage`].

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

/// Bytes that tell HTTP/1 from HTTP/2. No request is shorter.
const PREFACE: usize = 24;

/// A stream that fails when its first bytes do not come in time, or when nothing is read or written
/// for too long.
///
/// hyper limits the time for a head. It has no limit for the bytes that tell the version of HTTP,
/// nor for a client that sends or takes a body slowly.
pub(super) struct TimeoutStream<S> {
    stream: S,
    read: usize,
    idle: Duration,
    moved_at: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<S> TimeoutStream<S> {
    /// Limits the time for the first bytes to `first`, and then each time without a byte to `idle`.
    pub(super) fn new(stream: S, first: Duration, idle: Duration) -> Self {
        Self { stream, read: 0, idle, moved_at: Instant::now(), timer: Box::pin(sleep(first)) }
    }

    fn moved(&mut self) {
        if self.read >= PREFACE {
            self.moved_at = Instant::now();
        }
    }

    /// Ready when a limit is reached.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            // The timer is only reset when it fires, which is cheaper than at each byte.
            let end = self.moved_at + self.idle;
            if self.read < PREFACE || end <= Instant::now() {
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
        self.moved();
        read
    }
}

impl<S: AsyncWrite + Unpin> TimeoutStream<S> {
    fn written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            return self.poll_timeout(cx).map(Err);
        }
        self.moved();
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
