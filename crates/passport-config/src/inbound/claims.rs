//! The claims that describe a caller, and conditions on claims.

use passport_inbound::{ClaimCondition, ClaimMap};
use schemars::JsonSchema;
use serde::Deserialize;

use super::section::{Entry, Section, Table, Tables, Texts};
use crate::{
    reader::Reader,
    setting::{AnySetting, Setting},
};

/// Which claims of an external issuer's tokens describe the caller.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ClaimSettings {
    /// The claim that identifies the caller. Defaults to sub.
    pub(super) subject: Setting<String>,
    /// The claims with the e-mail address. The first one that a token has is used. Defaults to
    /// email.
    pub(super) email: Setting<Vec<String>>,
    /// The claims with a name for display. The first one that a token has is used. Defaults to
    /// name.
    pub(super) display_name: Setting<Vec<String>>,
    /// The claims with the issuer's names of roles or groups. Defaults to none.
    pub(super) roles_from: Setting<Vec<String>>,
    /// The roles of this service by the issuer's names. Other names are dropped.
    pub(super) roles: Setting<Texts>,
    /// Whether roles that are not in `roles` are kept under the issuer's name. Defaults to false.
    pub(super) keep_unmapped_roles: Setting<bool>,
    /// The claim with permissions. Defaults to none.
    pub(super) permissions_from: Setting<String>,
    /// The condition that marks the token of a service account. Defaults to none.
    pub(super) service_account: Setting<Table<ConditionSettings>>,
}

impl Section for ClaimSettings {
    const NAME: &'static str = "claims";
    const MAIN_KEYS: &'static str = "subject, email, roles_from, roles, ...";
}

impl ClaimSettings {
    /// Applies the settings to `map`. Reports mistakes to `reader`.
    pub(super) fn apply(&self, map: ClaimMap, reader: &mut Reader<'_>) -> ClaimMap {
        let map = reader.set(map, &self.subject, ClaimMap::subject);
        let map = reader.set(map, &self.email, ClaimMap::email);
        let map = reader.set(map, &self.display_name, ClaimMap::display_name);
        let map = reader.set(map, &self.roles_from, ClaimMap::roles_from);
        let map = reader.set(map, &self.roles, |map, Texts(roles)| map.roles(roles));
        let map = if reader.read(&self.keep_unmapped_roles) == Some(true) {
            map.keep_unmapped_roles()
        } else {
            map
        };
        let map = reader.set(map, &self.permissions_from, ClaimMap::permissions_from);
        let condition = reader.table(&self.service_account, ConditionSettings::condition);
        condition.into_iter().fold(map, ClaimMap::service_account)
    }
}

/// A condition on a claim of a token.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ConditionSettings {
    /// The path of the claim.
    claim: Setting<String>,
    /// The value of the claim, or a value in its list.
    equals: Setting<String>,
    /// The text with which the value begins.
    starts_with: Setting<String>,
    /// The text with which the value ends.
    ends_with: Setting<String>,
    /// Set to true for a claim that is present with any value.
    present: Setting<bool>,
}

impl Section for ConditionSettings {
    const NAME: &'static str = "condition";
    const MAIN_KEYS: &'static str = "claim, and equals, starts_with, ends_with or present";
}

impl ConditionSettings {
    /// Returns the condition. Reports mistakes to `reader`.
    pub(super) fn condition(&self, reader: &mut Reader<'_>) -> Option<ClaimCondition> {
        let claim = reader.require(&self.claim, "set the claim that the condition reads");
        let tests: [&dyn AnySetting; 4] = [&self.equals, &self.starts_with, &self.ends_with, &self.present];
        let is_set = [
            self.equals.raw().is_some(),
            self.starts_with.raw().is_some(),
            self.ends_with.raw().is_some(),
            self.present.raw().is_some(),
        ];
        let mut set = tests.into_iter().zip(is_set).filter(|(_, is_set)| *is_set).map(|(test, _)| test);
        let first = set.next();
        for other in set {
            reader.report(other, "only one of equals, starts_with, ends_with and present; keep one");
        }
        if first.is_none() {
            reader.report(
                &self.claim,
                "the condition is missing; set equals, starts_with, ends_with or present",
            );
        }
        let claim = claim?;
        if let Some(text) = reader.read(&self.equals) {
            return Some(ClaimCondition::equals(claim, text));
        }
        if let Some(text) = reader.read(&self.starts_with) {
            return Some(ClaimCondition::starts_with(claim, text));
        }
        if let Some(text) = reader.read(&self.ends_with) {
            return Some(ClaimCondition::ends_with(claim, text));
        }
        if reader.read(&self.present)? {
            return Some(ClaimCondition::present(claim));
        }
        reader.report(&self.present, "set it to true, or use another condition");
        None
    }
}

/// Returns the conditions in a list. Reports mistakes to `reader`.
pub(super) fn conditions(
    setting: &Setting<Tables<ConditionSettings>>,
    reader: &mut Reader<'_>,
) -> Vec<ClaimCondition> {
    let entries = reader.tables(setting);
    let condition = |entry: Entry| reader.entry(&entry, ConditionSettings::condition);
    entries.into_iter().filter_map(condition).collect()
}
