//! A bounded list of denied callers. Their tokens are refused before they expire.
//!
//! `entries` decides what the list contains. It does no I/O, and takes the time as an argument.
//! `list` is the handle that verifiers, streams and receivers of events share, `file` saves the
//! list for the next start, and `store` shares it with other instances.

mod builder;
mod denial;
mod entries;
mod error;
mod expiry_clock;
mod failures;
mod file;
mod groups;
mod health;
mod key;
mod list;
mod options;
mod order;
mod record;
mod shared;
mod sharing;
mod store;

pub(crate) use self::key::{CallerIds, CallerKeys};
pub use self::{
    builder::DenyListBuilder,
    denial::{Denial, DeniedSubject},
    error::{DenyListError, DenyListStoreError},
    health::DenyListHealth,
    list::DenyList,
    options::FullPolicy,
    record::{DenialRecord, InvalidDenialRecord},
    store::DenyListStore,
};

#[cfg(test)]
mod tests;
