//! The keys of the entries: hashes, so that an entry needs little memory and contains no personal
//! data. Pure.

use aws_lc_rs::digest::{Context, SHA256};

use super::denial::DeniedSubject;

/// The first 128 bits of a SHA-256 hash over issuer, kind and id. Two ids with the same key cannot
/// be found in practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DenialKey(pub(super) [u8; 16]);

/// What an id of an entry identifies. The numbers are in saved files: never change them.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// All callers of an issuer. It has no id.
    Issuer = 0,
    Tenant = 1,
    Subject = 2,
    SubjectWithoutSession = 3,
    Session = 4,
    TokenId = 5,
    ManagedIdentity = 6,
}

impl DenialKey {
    fn new(issuer: &str, kind: Kind, id: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&[kind as u8]);
        // The length separates the issuer from the id.
        context.update(&(issuer.len() as u64).to_be_bytes());
        context.update(issuer.as_bytes());
        context.update(id.as_bytes());
        let digest = context.finish();
        let mut key = [0; 16];
        key.copy_from_slice(&digest.as_ref()[..16]);
        Self(key)
    }

    /// Returns the key of all callers of an issuer.
    pub(super) fn of_issuer(issuer: &str) -> Self {
        Self::new(issuer, Kind::Issuer, "")
    }

    /// Returns the key of all callers of a tenant.
    pub(super) fn of_tenant(issuer: &str, tenant: &str) -> Self {
        Self::new(issuer, Kind::Tenant, tenant)
    }

    pub(super) fn of_subject(issuer: &str, subject: &DeniedSubject) -> Self {
        let (kind, id) = match subject {
            DeniedSubject::Subject(id) => (Kind::Subject, id),
            DeniedSubject::SubjectWithoutSession(id) => (Kind::SubjectWithoutSession, id),
            DeniedSubject::Session(id) => (Kind::Session, id),
            DeniedSubject::TokenId(id) => (Kind::TokenId, id),
            DeniedSubject::ManagedIdentity(id) => (Kind::ManagedIdentity, id),
            DeniedSubject::Tenant(id) => (Kind::Tenant, id),
        };
        Self::new(issuer, kind, id)
    }
}

/// The ids of a caller that a denial can name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerIds<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) tenant: &'a str,
    /// The id of the caller by the claim map of the issuer.
    pub(crate) user_id: &'a str,
    /// The claim `sub`, if the token of an external issuer has one.
    pub(crate) sub: Option<&'a str>,
    pub(crate) session: Option<&'a str>,
    pub(crate) token_id: Option<&'a str>,
    pub(crate) managed_identity: Option<&'a str>,
}

/// The keys of all entries that can concern a caller. Computed once for a verified token.
///
/// The order matters: a full list adds the entry of a tenant or an issuer first, and then removes
/// the entries that it replaces. Who reads in the other direction can miss both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerKeys {
    keys: [Option<DenialKey>; 9],
}

impl CallerKeys {
    pub(crate) fn of(ids: &CallerIds<'_>) -> Self {
        let key = |kind, id: &str| DenialKey::new(ids.issuer, kind, id);
        let optional = |kind, id: Option<&str>| id.map(|id| key(kind, id));
        let sub = ids.sub.filter(|sub| *sub != ids.user_id);
        let without_session = |id: Option<&str>| {
            let id = id.filter(|_| ids.session.is_none());
            optional(Kind::SubjectWithoutSession, id)
        };
        Self {
            keys: [
                Some(key(Kind::Subject, ids.user_id)),
                optional(Kind::Subject, sub),
                without_session(Some(ids.user_id)),
                without_session(sub),
                optional(Kind::Session, ids.session),
                optional(Kind::TokenId, ids.token_id),
                optional(Kind::ManagedIdentity, ids.managed_identity),
                Some(key(Kind::Tenant, ids.tenant)),
                Some(DenialKey::of_issuer(ids.issuer)),
            ],
        }
    }

    /// Returns the keys: those of the caller alone first, then those of the tenant and the issuer.
    pub(super) fn iter(&self) -> impl Iterator<Item = &DenialKey> {
        self.keys.iter().flatten()
    }
}
