//! Security events: their contents, the queue of each receiver, and the registered receivers. Does
//! no I/O.

mod event;
mod outbox;
mod queue;
mod receivers;

pub(crate) use self::{
    event::SecurityEvent,
    outbox::Outbox,
    queue::{QueuedSet, SetError},
    receivers::{LogoutReceiver, Receivers, receiver_uri},
};
pub use self::{outbox::EventReceiver, queue::SetFailure, receivers::InvalidReceiverUri};
