//! A denial as it is stored: in memory, in the file, and in a store of a fleet. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{
    denial::{Denial, DeniedSubject},
    key::DenialKey,
};

/// How far the time of a denial can be ahead of the clock. It allows for a difference of clocks. A
/// time further ahead would make a full list refuse all callers of a tenant until then.
const MAX_AHEAD: Duration = Duration::from_secs(600);

/// A [`Denial`](crate::Denial) as a [`DenyListStore`](crate::DenyListStore) stores it. It contains
/// hashes instead of ids, so that a store has no personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DenialRecord {
    pub(super) key: DenialKey,
    pub(super) group: Group,
    /// In whole seconds since 1970, as all times of records.
    pub(super) issued_before: u32,
    pub(super) expires_at: u32,
}

/// The callers that a full list refuses together: a tenant, or all callers of an issuer if the
/// tenant is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    /// The key of the entry that refuses the group.
    pub(super) key: DenialKey,
    /// The key of the entry that refuses all callers of the issuer.
    pub(super) issuer: DenialKey,
}

impl Group {
    /// Returns the group of all callers of an issuer.
    pub(super) fn of_issuer(issuer: DenialKey) -> Self {
        Self { key: issuer, issuer }
    }

    /// Returns the group of an entry with denials of both groups. All callers of the issuer, if the
    /// groups differ: the refusal of one tenant would not refuse the tokens of the other.
    pub(super) fn joined(self, other: Self) -> Self {
        if self == other { self } else { Self::of_issuer(self.issuer) }
    }

    /// Returns whether the group has all callers of the issuer.
    pub(super) fn is_issuer(&self) -> bool {
        self.key == self.issuer
    }
}

/// The JSON object of a record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    key: &'a str,
    group: &'a str,
    issuer: &'a str,
    issued_before: u32,
    expires_at: u32,
}

impl DenialRecord {
    /// Returns the record of a denial. `retention` is the longest life of a token.
    pub(super) fn new(denial: &Denial, retention: Duration, now: SystemTime) -> Self {
        let issuer = DenialKey::of_issuer(&denial.issuer);
        let key = DenialKey::of_subject(&denial.issuer, &denial.subject);
        let tenant = denial.tenant.as_ref().map(|tenant| DenialKey::of_tenant(&denial.issuer, tenant));
        let is_tenant = matches!(denial.subject, DeniedSubject::Tenant(_));
        let issued_before = denial.issued_before.min(now.checked_add(MAX_AHEAD).unwrap_or(now));
        let last = issued_before.max(now);
        let expires_at = denial.expires_at.unwrap_or_else(|| last.checked_add(retention).unwrap_or(last));
        Self {
            key,
            group: Group { key: if is_tenant { key } else { tenant.unwrap_or(issuer) }, issuer },
            issued_before: seconds(issued_before),
            expires_at: seconds_rounded_up(expires_at),
        }
    }

    /// Returns a record that refuses the tokens of both records with the same key.
    pub(super) fn merged(&self, other: &Self) -> Self {
        Self {
            key: self.key,
            group: self.group.joined(other.group),
            issued_before: self.issued_before.max(other.issued_before),
            expires_at: self.expires_at.max(other.expires_at),
        }
    }

    /// Returns whether records refuse each token that this one refuses, for at least as long.
    /// `record_of` returns the one with a key. The record with the same key does not, if its group
    /// would have to change: it could be replaced by the refusal of a tenant.
    pub(super) fn is_covered(&self, record_of: impl Fn(DenialKey) -> Option<Self>) -> bool {
        let covers =
            |other: Self| other.issued_before >= self.issued_before && other.expires_at >= self.expires_at;
        let has_group = |other: &Self| other.group.joined(self.group) == other.group;
        record_of(self.key).filter(has_group).is_some_and(covers)
            || [self.group.key, self.group.issuer].into_iter().any(|key| record_of(key).is_some_and(covers))
    }

    /// Returns the name of the record, such as for the field of a table. Records with the same name
    /// refuse the same tokens.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(self.key.0), self.issued_before)
    }

    /// Returns when the record can be deleted.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.expires_at.into())
    }

    /// Returns the record as one line of JSON, without a line break. It has at most 200 bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = |key: DenialKey| BASE64_URL_SAFE_NO_PAD.encode(key.0);
        let (key, group, issuer) = (text(self.key), text(self.group.key), text(self.group.issuer));
        let Self { issued_before, expires_at, .. } = self;
        // Base64url needs no escapes.
        format!(
            r#"{{"key":"{key}","group":"{group}","issuer":"{issuer}","issued_before":{issued_before},"expires_at":{expires_at}}}"#
        )
    }

    /// Parses the result of [`to_json`](Self::to_json).
    ///
    /// # Errors
    /// [`InvalidDenialRecord`] if `json` is anything else.
    pub fn from_json(json: &str) -> Result<Self, InvalidDenialRecord> {
        let line: Line<'_> = serde_json::from_str(json).map_err(|_| InvalidDenialRecord)?;
        let key = |text: &str| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidDenialRecord)?;
            bytes.try_into().map(DenialKey).map_err(|_| InvalidDenialRecord)
        };
        Ok(Self {
            key: key(line.key)?,
            group: Group { key: key(line.group)?, issuer: key(line.issuer)? },
            issued_before: line.issued_before,
            expires_at: line.expires_at,
        })
    }
}

/// The error of a text that is not a [`DenialRecord`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a denial record; is the store shared with another program?")]
pub struct InvalidDenialRecord;

/// Returns the whole seconds from 1970 to `time`, rounded down, at most until the year 2106.
pub(super) fn seconds(time: SystemTime) -> u32 {
    u32::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()).unwrap_or(u32::MAX)
}

fn seconds_rounded_up(time: SystemTime) -> u32 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    seconds(time).saturating_add(u32::from(since.subsec_nanos() > 0))
}
