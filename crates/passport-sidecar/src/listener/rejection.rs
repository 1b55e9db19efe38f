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

/// Responses to connections beyond the limits that are sent at a time.
const MAX_TOO_MANY: usize = 256;

/// Responses to users that are no callers that are sent at a time.
const MAX_UNKNOWN_USERS: usize = 32;

/// How long it is waited for the first byte of a request that is rejected.
const FIRST_BYTE_TIME: Duration = Duration::from_millis(200);

/// How long a response may take.
const RESPONSE_TIME: Duration = Duration::from_secs(1);

/// What a rejected connection holds while it is open.
type RejectionPermits = (OwnedSemaphorePermit, OpenFile);

/// Sends responses to connections that are not served. Connections beyond the limits of this type
/// are closed without a response.
pub(super) struct Rejections {
    too_many: Arc<Semaphore>,
    /// Apart from the others, so that users that are no callers do not use up the responses of
    /// callers.
    unknown_users: Arc<Semaphore>,
}

impl Rejections {
    pub(super) fn new() -> Self {
        Self {
            too_many: Arc::new(Semaphore::new(MAX_TOO_MANY)),
            unknown_users: Arc::new(Semaphore::new(MAX_UNKNOWN_USERS)),
        }
    }

    /// Rejects a connection beyond the limits of a listener or of a caller.
    pub(super) fn too_many(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        file: OpenFile,
    ) {
        if let Ok(permit) = Arc::clone(&self.too_many).try_acquire_owned() {
            tokio::spawn(respond(stream, TOO_MANY.to_vec(), (permit, file)));
        }
    }

    /// Rejects a user that is no caller when its request begins: some clients ignore a response
    /// that is sent before.
    pub(super) fn unknown_user(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        error: &ErrorResponse,
        file: OpenFile,
    ) {
        let response = error.to_http1();
        if let Ok(permit) = Arc::clone(&self.unknown_users).try_acquire_owned() {
            tokio::spawn(async move {
                if let Ok(Ok(_first)) = timeout(FIRST_BYTE_TIME, stream.read_u8()).await {
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
        // A connection that is closed with unread bytes is reset, and the response is lost.
        copy(&mut stream, &mut sink()).await
    };
    let _ = timeout(RESPONSE_TIME, sent).await;
}
