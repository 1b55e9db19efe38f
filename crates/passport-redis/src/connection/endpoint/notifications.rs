//! Receives the pub/sub notifications of other instances. A notification contains the key of a
//! token that was stored, or of a token whose lease ended.

use passport_outbound::Notifier;
use redis::{PushInfo, PushKind, Value, aio::SendError};

/// The maximum length of a token key in a notification, in bytes: a client id of 256 bytes, and
/// a digest. A longer notification is ignored, because another program sent it.
const MAX_KEY: usize = 512;

/// Returns a handler for push messages of Redis. The handler forwards the token keys in
/// notifications to `notifier`. The `redis` crate calls the handler in the task that reads the
/// connection, so the handler must not block.
pub(super) fn push_sender(notifier: Notifier) -> impl Fn(PushInfo) -> Result<(), SendError> {
    move |push| {
        if let (PushKind::Message, [_channel, Value::BulkString(key)]) = (&push.kind, &*push.data)
            && key.len() <= MAX_KEY
            && let Ok(key) = str::from_utf8(key)
        {
            notifier.notify(key);
        }
        Ok(())
    }
}
