//! The state of a deny list, for probes and dashboards.

use std::fmt;

/// The state of a deny list. Its `Display` prints one line for a log or a status page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DenyListHealth {
    /// The number of entries. Expired entries can be among them.
    pub entries: usize,
    /// The maximum number of entries.
    pub capacity: usize,
    /// How often the older tokens of a tenant, or of all callers of an issuer, were refused because
    /// the list was full.
    pub refused_groups: u64,
    /// How many entries were dropped because the list was full. The tokens that they refused are
    /// accepted again.
    pub dropped: u64,
    /// Why denials are not saved or not shared at the moment. It is `None` only if all are.
    pub last_error: Option<String>,
    /// Why denials of other instances are not received at the moment.
    pub receive_error: Option<String>,
}

impl DenyListHealth {
    /// Returns whether no denial was lost, each denial is saved and shared, and those of other
    /// instances are received.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.dropped == 0 && self.last_error.is_none() && self.receive_error.is_none()
    }
}

impl fmt::Display for DenyListHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} entries", self.entries, self.capacity)?;
        if self.refused_groups > 0 {
            write!(f, ", full: refused the older tokens of a tenant {} times", self.refused_groups)?;
        }
        if self.dropped > 0 {
            write!(f, ", full: dropped {} entries", self.dropped)?;
        }
        if let Some(error) = &self.last_error {
            write!(f, ", {error}")?;
        }
        match &self.receive_error {
            Some(error) => write!(f, ", denials of other instances are not received: {error}"),
            None => Ok(()),
        }
    }
}
