use std::fmt;

use passport_core::{ConfigError, ConfigProblem, SecretProviders, SecretSource};

use crate::{
    problems::WHOLE,
    setting::{AnySetting, Setting},
    value::{ConfigValue, SecretReference, SecretReferences},
};

/// The log target, that of the outbound side.
const TARGET: &str = "passport_outbound";

/// Parses settings, and collects all mistakes, so that all are reported at once. An invalid value
/// is returned as `None`, like a missing one.
///
/// Each setting is to be read once, as each read reports its mistakes.
pub struct Reader<'a> {
    secrets: &'a SecretProviders,
    problems: Vec<ConfigProblem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(secrets: &'a SecretProviders) -> Self {
        Self { secrets, problems: Vec::new() }
    }

    /// Returns the value of `setting`, if there is one.
    pub fn read<T: ConfigValue>(&mut self, setting: &Setting<T>) -> Option<T> {
        let value = setting.raw()?;
        let parsed = T::parse(value);
        let parsed = self.collect(setting, parsed)?;
        if let Some(warning) = T::warning(value) {
            tracing::warn!(target: TARGET, key = setting.key(), "{warning}");
        }
        Some(parsed)
    }

    /// Returns the value of `setting`. Reports that it is missing, with the `remedy`.
    pub fn require<T: ConfigValue>(&mut self, setting: &Setting<T>, remedy: &str) -> Option<T> {
        if setting.raw().is_none() {
            self.wrong(setting, format_args!("it is missing; {remedy}"));
        }
        self.read(setting)
    }

    /// Returns `builder` with the value of `setting`, if there is one.
    pub fn set<B, T: ConfigValue>(
        &mut self,
        builder: B,
        setting: &Setting<T>,
        set: impl FnOnce(B, T) -> B,
    ) -> B {
        match self.read(setting) {
            Some(value) => set(builder, value),
            None => builder,
        }
    }

    /// Returns the secret that `setting` refers to, if there is one.
    pub fn secret(&mut self, setting: &Setting<SecretReference>) -> Option<SecretSource> {
        let SecretReference(reference) = self.read(setting)?;
        let source = self.secrets.source(None, &reference);
        self.collect(setting, source)
    }

    /// Returns the secrets that `setting` refers to.
    pub fn secrets(&mut self, setting: &Setting<SecretReferences>) -> Vec<SecretSource> {
        let (references, secrets) = (self.read(setting), self.secrets);
        let references = references.map_or_else(Vec::new, |SecretReferences(references)| references);
        let source = |reference: String| self.collect(setting, secrets.source(None, &reference));
        references.into_iter().filter_map(source).collect()
    }

    /// Reports a mistake of `setting`: what is wrong, and the remedy.
    pub fn wrong(&mut self, setting: &dyn AnySetting, wrong: impl fmt::Display) {
        self.problems.push(setting.problem(&wrong));
    }

    /// Returns the value of `result`, or reports its error for `setting`.
    pub fn collect<T, E: fmt::Display>(
        &mut self,
        setting: &dyn AnySetting,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|wrong| self.wrong(setting, wrong)).ok()
    }

    /// Returns the value of `result`, or reports each of its problems for `setting`.
    pub(crate) fn collect_all<T>(
        &mut self,
        setting: &dyn AnySetting,
        result: Result<T, ConfigError>,
    ) -> Option<T> {
        for problem in result.as_ref().err().map(ConfigError::problems).unwrap_or_default() {
            self.wrong(setting, &problem.problem);
        }
        result.ok()
    }

    /// Adds mistakes that were found elsewhere.
    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = ConfigProblem>) {
        self.problems.extend(problems);
    }

    /// Returns `built`, unless there are mistakes.
    pub(crate) fn finish<T>(mut self, built: Option<T>) -> Result<T, ConfigError> {
        match (built, self.problems.is_empty()) {
            (Some(built), true) => return Ok(built),
            (None, true) => self
                .problems
                .push(ConfigProblem::new(WHOLE, "it could not be built, and no reason was reported")),
            (_, false) => {}
        }
        Err(ConfigError::new(self.problems))
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("problems", &self.problems).finish_non_exhaustive()
    }
}
