//! The table `deny_list`: the settings of the list of denied callers.

use std::time::Duration;

use passport_inbound::{DenyList, DenyListBuilder, FullPolicy};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::Value;

use super::section::Section;
use crate::{
    reader::Reader,
    setting::{AnySetting, Setting},
    value::{Choice, ConfigValue, InvalidValue},
};

/// The list of denied callers.
#[derive(Deserialize, JsonSchema)]
pub(super) struct DenyListSettings {
    /// The maximum number of entries, 100 to 10000000. Defaults to 100000.
    capacity: Setting<usize>,
    /// How long a denial is kept, 1 min to 30 days: the longest life of a token, and the clock
    /// skew. Defaults to 61 min.
    retention: Setting<Duration>,
    /// What happens if the list is full: `refuse_tenant` refuses all older tokens of the tenant
    /// with the most entries, and `drop_oldest` accepts the tokens of the oldest entry again.
    /// Defaults to `refuse_tenant`.
    when_full: Setting<FullPolicy>,
    /// The file that saves the list, so that a restart forgets no denial. Each instance needs
    /// another file. Defaults to none.
    file: Setting<String>,
}

impl Section for DenyListSettings {
    const NAME: &'static str = "deny_list";
    const MAIN_KEYS: &'static str = "capacity, retention, when_full and file";
}

impl Choice for FullPolicy {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse_tenant", Self::RefuseTenant), ("drop_oldest", Self::DropOldest)];
}

impl ConfigValue for FullPolicy {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        Self::parse_choice(value)
    }

    fn schema() -> Schema {
        Self::choice_schema()
    }
}

impl DenyListSettings {
    /// Returns the builder of the list. Reports mistakes to `reader`.
    pub(super) fn builder(&self, reader: &mut Reader<'_>) -> DenyListBuilder {
        let builder = reader.set(DenyList::builder(), &self.capacity, DenyListBuilder::capacity);
        let builder = reader.set(builder, &self.retention, DenyListBuilder::retention);
        let builder = reader.set(builder, &self.when_full, DenyListBuilder::when_full);
        let builder = reader.set(builder, &self.file, DenyListBuilder::file);
        for problem in builder.problems() {
            let setting: &dyn AnySetting = match &*problem.option {
                "capacity" => &self.capacity,
                "retention" => &self.retention,
                _ => {
                    // No key sets this option, so the problem keeps the name of the option.
                    reader.extend([problem]);
                    continue;
                }
            };
            reader.report(setting, &problem.problem);
        }
        builder
    }
}
