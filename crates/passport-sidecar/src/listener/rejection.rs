//! Sends responses to connections that are rejected.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{error::ErrorResponse, limits::OpenFile};

/// The response to a connection beyond the limits.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n\
    passport-sidecar-error: temporarily_unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The limit on concurrent responses to connections beyond the limits.
const MAX_TOO_MANY: usize = 256;

/// The limit on concurrent responses to users that are no callers.
const MAX_UNKNOWN_USERS: usize = 32;

/// How long to wait for the first byte of a request that is rejected.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_millis(200);

/// Limits the time to send a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The permits that a rejected connection holds while it is open.
type RejectionPermits = (OwnedSemaphorePermit, OpenFile);

/// Rejects connections with a response. Connections beyond the limits of this type are closed
/// without a response.
pub(super) struct Rejections {
    too_many: Arc<Semaphore>,
    /// Separate, so that users that are no callers do not use up the responses for callers.
    unknown_users: Arc<Semaphore>,
}

impl Rejections {
    /// Creates the rejections of one listener.
    pub(super) fn new() -> Self {
        Self {
            too_many: Arc::new(Semaphore::new(MAX_TOO_MANY)),
            unknown_users: Arc::new(Semaphore::new(MAX_UNKNOWN_USERS)),
        }
    }

    /// Rejects a connection beyond the limits of a listener or of a caller with 429.
    pub(super) fn too_many(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        file: OpenFile,
    ) {
        if let Ok(permit) = Arc::clone(&self.too_many).try_acquire_owned() {
            tokio::spawn(respond(stream, TOO_MANY.to_vec(), (permit, file)));
        }
    }

    /// Rejects a user that is no caller with `error`, once its request begins. Some clients ignore
    /// a response that is sent before.
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

/// Sends a whole response instead of serving the connection.
async fn respond(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    response: Vec<u8>,
    _permits: RejectionPermits,
) {
    let sent = async {
        stream.write_all(&response).await?;
        stream.shutdown().await?;
        // Closing a connection with unread bytes resets it, and the response is lost.
        copy(&mut stream, &mut sink()).await
    };
    let _ = timeout(RESPONSE_TIMEOUT, sent).await;
}
