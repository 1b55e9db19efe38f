//! Forwards the notifications of other instances.

use passport_outbound::Notifier;
use redis::{PushInfo, PushKind, Value, aio::SendError};

/// No key is longer: a client id of 256 bytes, and a digest.
const MAX_KEY: usize = 512;

/// Returns the handler of Redis' pushes, which forwards notifications. It runs in the task that
/// reads the connection, so it does no more.
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
