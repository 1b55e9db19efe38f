//! The claims of an external issuer's tokens that describe the caller.

use std::collections::{BTreeMap, HashSet};

use super::ClaimCondition;
use crate::{
    RejectionReason,
    jwt::{
        claim_path::ClaimPath,
        claim_value::{ClaimValue, ClaimValues},
        claims::MappedIdentity,
    },
};

/// Which claims of an external issuer's tokens describe the caller. The map is data: comparing
/// two maps tells whether a reload changes anything.
///
/// By default the subject is `sub`, the e-mail address is `email`, and the display name is
/// `name`. Callers have no roles and no permissions, and none is a service account.
///
/// ```
/// use passport_inbound::ClaimMap;
///
/// let keycloak = ClaimMap::new()
///     .roles_from(["realm_access.roles"])
///     .role("payroll-clerks", "payroll.clerk");
/// # let _ = keycloak;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ClaimMap {
    subject: ClaimPath,
    email: Vec<ClaimPath>,
    display_name: Vec<ClaimPath>,
    roles: Vec<ClaimPath>,
    /// The roles of this service by the issuer's names, for all claims.
    role_table: BTreeMap<String, String>,
    /// The same for one claim, which precede those for all claims.
    role_tables: Vec<(ClaimPath, BTreeMap<String, String>)>,
    keeps_unmapped_roles: bool,
    permissions: Option<ClaimPath>,
    service_account: Option<ClaimCondition>,
}

impl Default for ClaimMap {
    fn default() -> Self {
        Self {
            subject: "sub".into(),
            email: vec!["email".into()],
            display_name: vec!["name".into()],
            roles: Vec::new(),
            role_table: BTreeMap::new(),
            role_tables: Vec::new(),
            keeps_unmapped_roles: false,
            permissions: None,
            service_account: None,
        }
    }
}

impl ClaimMap {
    /// Creates the default map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the claim that identifies the caller. Defaults to `sub`. A token without this claim is
    /// rejected. [`IdInfo::user_id`](crate::IdInfo::user_id) returns its value.
    pub fn subject(mut self, path: impl Into<ClaimPath>) -> Self {
        self.subject = path.into();
        self
    }

    /// Sets the claims that contain the e-mail address. The first claim that the token has is used.
    /// Defaults to `email`.
    pub fn email<P: Into<ClaimPath>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.email = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the claims that contain a name for display. The first claim that the token has is used.
    /// Defaults to `name`. Without such a claim, the display name is the e-mail address, or the
    /// subject.
    pub fn display_name<P: Into<ClaimPath>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.display_name = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the claims that contain the issuer's names of roles or groups: strings, or lists of
    /// strings. The names of all these claims are used. Defaults to none.
    ///
    /// A name becomes a role only through [`role`](Self::role).
    pub fn roles_from<P: Into<ClaimPath>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.roles = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Maps `theirs`, a name of a role or group at the issuer, to the role `ours` of this service.
    /// Names without such a mapping are dropped.
    pub fn role(mut self, theirs: impl Into<String>, ours: impl Into<String>) -> Self {
        self.role_table.insert(theirs.into(), ours.into());
        self
    }

    /// Maps a name as [`role`](Self::role) does, but only in the claim at `path`, which is then
    /// read as if [`roles_from`](Self::roles_from) listed it. Use it if the claims have different
    /// sources: a group that a user can create must not count as an app role of the same name.
    pub fn role_from(
        mut self,
        path: impl Into<ClaimPath>,
        theirs: impl Into<String>,
        ours: impl Into<String>,
    ) -> Self {
        let path = path.into();
        if !self.roles.contains(&path) {
            self.roles.push(path.clone());
        }
        match self.role_tables.iter_mut().find(|(own, _)| *own == path) {
            Some((_, table)) => drop(table.insert(theirs.into(), ours.into())),
            None => self.role_tables.push((path, BTreeMap::from([(theirs.into(), ours.into())]))),
        }
        self
    }

    /// Adds several mappings, as [`role`](Self::role) does.
    pub fn roles<K: Into<String>, V: Into<String>>(
        mut self,
        table: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.role_table.extend(table.into_iter().map(|(theirs, ours)| (theirs.into(), ours.into())));
        self
    }

    /// Keeps roles without a mapping under the issuer's name. By default they are dropped, so that
    /// a group at the issuer does not become a role of this service because both have the same
    /// name.
    pub fn keep_unmapped_roles(mut self) -> Self {
        self.keeps_unmapped_roles = true;
        self
    }

    /// Sets the claim that contains permissions: a list of strings, or one string that is separated
    /// by spaces. Defaults to none.
    pub fn permissions_from(mut self, path: impl Into<ClaimPath>) -> Self {
        self.permissions = Some(path.into());
        self
    }

    /// Sets the condition that marks the token of a service account. Defaults to none: no caller of
    /// this issuer is a service account.
    ///
    /// Choose a claim that only the issuer can set. If users can choose the value, for example of
    /// their own user name, a user can pass as a service account.
    pub fn service_account(mut self, condition: ClaimCondition) -> Self {
        self.service_account = Some(condition);
        self
    }

    /// Returns all paths that the map reads, each with the name of the option that set it.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&'static str, &ClaimPath)> {
        let named = |option: &'static str| move |path| (option, path);
        std::iter::once(("claims.subject", &self.subject))
            .chain(self.email.iter().map(named("claims.email")))
            .chain(self.display_name.iter().map(named("claims.display_name")))
            .chain(self.roles.iter().map(named("claims.roles_from")))
            .chain(self.permissions.iter().map(named("claims.permissions_from")))
            .chain(self.service_account.iter().map(|it| ("claims.service_account", it.path())))
    }

    /// Returns all paths that the map reads.
    pub(crate) fn claim_paths(&self) -> impl Iterator<Item = &ClaimPath> {
        self.paths().map(|(_, path)| path)
    }

    pub(crate) fn subject_path(&self) -> &ClaimPath {
        &self.subject
    }

    pub(super) fn service_account_condition(&self) -> Option<&ClaimCondition> {
        self.service_account.as_ref()
    }

    /// Returns whether the table maps a name to a blank role.
    pub(super) fn has_blank_role(&self) -> bool {
        let own = self.role_tables.iter().flat_map(|(_, table)| table);
        let mut all = self.role_table.iter().chain(own);
        all.any(|(theirs, ours)| theirs.trim().is_empty() || ours.trim().is_empty())
    }

    /// Returns whether the table of roles has an effect: without claims to read roles from, it has
    /// none.
    pub(super) fn has_unused_roles(&self) -> bool {
        self.roles.is_empty() && (!self.role_table.is_empty() || self.keeps_unmapped_roles)
    }

    /// Maps the claims of a token. `tenant` is the caller's tenant.
    ///
    /// # Errors
    /// When the subject is missing, or a claim has a type that the map cannot read.
    pub(crate) fn apply<'a>(
        &self,
        claims: &'a ClaimValues,
        tenant: &'a str,
    ) -> Result<MappedIdentity<'a>, RejectionReason> {
        let subject = text(claims.get(&self.subject))?.filter(|subject| !subject.trim().is_empty());
        let permissions = match self.permissions.as_ref().and_then(|path| claims.get(path)) {
            Some(ClaimValue::Text(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
            other => texts(other)?.to_vec(),
        };
        Ok(MappedIdentity {
            subject: subject.ok_or(RejectionReason::SubjectUnresolved)?,
            tenant,
            email: first_text(&self.email, claims)?,
            name: first_text(&self.display_name, claims)?,
            roles: self.map_roles(claims)?,
            has_unknown_roles: self.roles.iter().any(|path| claims.is_omitted(path.claim())),
            has_unknown_permissions: self.permissions.iter().any(|path| claims.is_omitted(path.claim())),
            permissions,
            is_service_account: self.service_account.as_ref().is_some_and(|it| it.is_met(claims)),
        })
    }

    /// Returns the roles of the token under this service's names, without duplicates.
    fn map_roles(&self, claims: &ClaimValues) -> Result<Vec<String>, RejectionReason> {
        let (mut roles, mut seen) = (Vec::new(), HashSet::new());
        for path in &self.roles {
            let own = self.role_tables.iter().find(|(own, _)| own == path).map(|(_, table)| table);
            for theirs in texts(claims.get(path))? {
                let unmapped = self.keeps_unmapped_roles.then_some(theirs);
                let mapped = own.and_then(|own| own.get(theirs)).or_else(|| self.role_table.get(theirs));
                if let Some(ours) = mapped.or(unmapped)
                    && seen.insert(ours)
                {
                    roles.push(ours.clone());
                }
            }
        }
        Ok(roles)
    }
}

/// Returns the first text at one of `paths` that is not blank. Returns `None` if there is none.
fn first_text<'a>(paths: &[ClaimPath], claims: &'a ClaimValues) -> Result<Option<&'a str>, RejectionReason> {
    for path in paths {
        match text(claims.get(path))? {
            Some(found) if !found.trim().is_empty() => return Ok(Some(found)),
            _ => {}
        }
    }
    Ok(None)
}

/// Returns the value of a claim that must be a string. Returns `None` if the token does not have
/// the claim.
fn text(value: Option<&ClaimValue>) -> Result<Option<&str>, RejectionReason> {
    match value {
        None => Ok(None),
        Some(ClaimValue::Text(text)) => Ok(Some(text)),
        Some(_) => Err(RejectionReason::Malformed),
    }
}

/// Returns the values of a claim that must be a string or a list of strings. Returns no values
/// if the token does not have the claim.
fn texts(value: Option<&ClaimValue>) -> Result<&[String], RejectionReason> {
    match value {
        None => Ok(&[]),
        Some(ClaimValue::Text(text)) => Ok(std::slice::from_ref(text)),
        Some(ClaimValue::Texts(list)) => Ok(list),
        Some(_) => Err(RejectionReason::Malformed),
    }
}

#[cfg(test)]
mod tests;
