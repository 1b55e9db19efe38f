//! Rejects connections with an HTTP response, so that the clients learn the reason.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{error::ErrorResponse, limits::OpenFile};

/// The response to a connection beyond the limits of its listener or its caller.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n\
    passport-sidecar-error: temporarily_unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// How many 429 responses one listener sends at a time. Further connections beyond the limits
/// are closed without a response.
const MAX_TOO_MANY: usize = 256;

/// How many 403 responses one listener sends at a time to users without a configured caller.
/// Further connections of such users are closed without a response.
const MAX_UNKNOWN_USERS: usize = 32;

/// How long a connection of a user without a configured caller can stay open without the first
/// byte of a request. After this time the connection is closed without a response.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_millis(200);

/// The time limit of sending the response to a rejected connection. After this time the
/// connection is closed.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The permits that a rejected connection holds while the connection is open: a permit to send a
/// response, and a permit of one open file.
type RejectionPermits = (OwnedSemaphorePermit, OpenFile);

/// Sends responses to the rejected connections of one listener. If too many responses are being
/// sent, a further rejected connection is closed without a response.
pub(super) struct Rejections {
    too_many: Arc<Semaphore>,
    /// Separate permits for users without a configured caller, so that these users do not use up
    /// the responses for callers.
    unknown_users: Arc<Semaphore>,
}

impl Rejections {
    /// Creates the permits for the responses of one listener.
    pub(super) fn new() -> Self {
        Self {
            too_many: Arc::new(Semaphore::new(MAX_TOO_MANY)),
            unknown_users: Arc::new(Semaphore::new(MAX_UNKNOWN_USERS)),
        }
    }

    /// Rejects a connection beyond the limits of a listener or of a caller with a 429. `file` is
    /// the permit of the connection's file descriptor.
    pub(super) fn too_many(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        file: OpenFile,
    ) {
        if let Ok(permit) = Arc::clone(&self.too_many).try_acquire_owned() {
            tokio::spawn(respond(stream, TOO_MANY.to_vec(), (permit, file)));
        }
    }

    /// Rejects the connection of a user without a configured caller with `error`, as soon as the
    /// first byte of a request arrives. Some clients ignore a response that is sent before their
    /// request. If no byte arrives in time, the connection is closed without a response. `file` is
    /// the permit of the connection's file descriptor.
    pub(super) fn unknown_user(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        error: &ErrorResponse,
        file: OpenFile,
    ) {
        let response = error.to_http1();
        if let Ok(permit) = Arc::clone(&self.unknown_users).try_acquire_owned() {
            tokio::spawn(async move {
                if let Ok(Ok(_first)) = timeout(FIRST_BYTE_TIMEOUT, stream.read_u8()).await {
                    respond(stream, response, (permit, file)).await;
                }
            });
        }
    }
}

/// Sends `response` without parsing the request, and closes the connection.
async fn respond(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    response: Vec<u8>,
    _permits: RejectionPermits,
) {
    let sent = async {
        stream.write_all(&response).await?;
        stream.shutdown().await?;
        // The unread bytes are read before the connection is closed. Otherwise closing resets the
        // connection, and the response is lost.
        copy(&mut stream, &mut sink()).await
    };
    let _ = timeout(RESPONSE_TIMEOUT, sent).await;
}
