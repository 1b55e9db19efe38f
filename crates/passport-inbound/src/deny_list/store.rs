//! The trait of a store that shares a deny list with other instances of a service.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use tokio::time::timeout;

use super::{error::DenyListStoreError, record::DenialRecord};

/// A store that shares the denials of a fleet.
///
/// The list decides; a store only stores and delivers. A call of [`publish`](Self::publish) is
/// limited to 2 s and one of [`load`](Self::load) to 30 s. [`receive`](Self::receive) waits as long
/// as there is nothing new.
///
/// A store can lose or repeat a delivery, or lose its records. After an error of `publish` or of
/// `receive`, the list loads all records again, and publishes its entries that are not among them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot share a deny list",
    label = "expected a type that implements `DenyListStore`"
)]
pub trait DenyListStore: fmt::Debug + Send + Sync + 'static {
    /// Stores a record until it expires, and delivers it to the other instances. Replaces a stored
    /// record with the same [`name`](DenialRecord::name).
    ///
    /// # Errors
    /// When the record was possibly not stored.
    fn publish(&self, record: DenialRecord) -> impl Future<Output = Result<(), DenyListStoreError>> + Send;

    /// Returns all records that have not expired. [`receive`](Self::receive) has to return each
    /// record that is published after this call has begun.
    ///
    /// # Errors
    /// When the records cannot be read.
    fn load(&self) -> impl Future<Output = Result<Vec<DenialRecord>, DenyListStoreError>> + Send;

    /// Waits for records of other instances, and returns them. The records of this instance can be
    /// among them. The list calls [`publish`](Self::publish) while it waits.
    ///
    /// # Errors
    /// When records were possibly lost, for example because a connection was closed.
    ///
    /// # Cancel safety
    /// The list cancels the call when the list is dropped, and before it calls [`load`](Self::load)
    /// again.
    fn receive(&self) -> impl Future<Output = Result<Vec<DenialRecord>, DenyListStoreError>> + Send;
}

/// The time limit for publishing a record.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit for loading all records, which can be millions.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The future of a store.
type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, DenyListStoreError>> + Send + 'a>>;

/// The object-safe form of [`DenyListStore`].
pub(super) trait DynDenyListStore: fmt::Debug + Send + Sync {
    fn publish_dyn(&self, record: DenialRecord) -> StoreFuture<'_, ()>;
    fn load_dyn(&self) -> StoreFuture<'_, Vec<DenialRecord>>;
    fn receive_dyn(&self) -> StoreFuture<'_, Vec<DenialRecord>>;
}

impl<S: DenyListStore> DynDenyListStore for S {
    fn publish_dyn(&self, record: DenialRecord) -> StoreFuture<'_, ()> {
        Box::pin(self.publish(record))
    }

    fn load_dyn(&self) -> StoreFuture<'_, Vec<DenialRecord>> {
        Box::pin(self.load())
    }

    fn receive_dyn(&self) -> StoreFuture<'_, Vec<DenialRecord>> {
        Box::pin(self.receive())
    }
}

/// Publishes a record within the time limit.
pub(super) async fn publish(
    store: &dyn DynDenyListStore,
    record: DenialRecord,
) -> Result<(), DenyListStoreError> {
    let published = timeout(PUBLISH_TIMEOUT, store.publish_dyn(record)).await;
    published.unwrap_or_else(|_| Err(DenyListStoreError::timed_out()))
}

/// Returns all records of the store within the time limit.
pub(super) async fn load(store: &dyn DynDenyListStore) -> Result<Vec<DenialRecord>, DenyListStoreError> {
    let loaded = timeout(LOAD_TIMEOUT, store.load_dyn()).await;
    loaded.unwrap_or_else(|_| Err(DenyListStoreError::timed_out()))
}
