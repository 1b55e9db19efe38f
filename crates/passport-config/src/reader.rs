use std::fmt;

use passport_core::{ConfigError, ConfigProblem, SecretProviders, SecretSource};

use crate::{
    problems::WHOLE,
    setting::{AnySetting, Setting},
    value::{ConfigValue, SecretRefValue, SecretRefValues},
};

/// The target of log events, which is the crate path.
const TARGET: &str = "passport_config";

/// A parser for settings that collects all mistakes, so that one error reports all of the
/// mistakes.
///
/// If a value is missing or invalid, the methods return `None`. Read each setting only once,
/// because each call reports the mistakes of the setting again.
pub struct Reader<'a> {
    secrets: &'a SecretProviders,
    problems: Vec<ConfigProblem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(secrets: &'a SecretProviders) -> Self {
        Self { secrets, problems: Vec::new() }
    }

    /// Returns the providers of the secrets that settings can refer to.
    pub(crate) fn providers(&self) -> &'a SecretProviders {
        self.secrets
    }

    /// Returns the value of `setting`, or `None` if it is missing or invalid. Reports an invalid
    /// value.
    pub fn read<T: ConfigValue>(&mut self, setting: &Setting<T>) -> Option<T> {
        let value = setting.raw()?;
        let parsed = T::parse(value);
        let parsed = self.collect(setting, parsed)?;
        if let Some(warning) = T::warning(value) {
            tracing::warn!(target: TARGET, key = setting.key(), "{warning}");
        }
        Some(parsed)
    }

    /// Returns the value of `setting`, or `None` if it is missing or invalid. Reports an invalid
    /// value. Reports a missing value with `remedy`.
    pub fn require<T: ConfigValue>(&mut self, setting: &Setting<T>, remedy: &str) -> Option<T> {
        if setting.raw().is_none() {
            self.report(setting, format_args!("missing; {remedy}"));
        }
        self.read(setting)
    }

    /// Passes the value of `setting` to `set`, and returns the builder that `set` returns. Returns
    /// `builder` unchanged if the value is missing or invalid. Reports an invalid value.
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

    /// Returns the source of the secret that `setting` refers to, or `None` if the reference is
    /// missing or invalid. Reports an invalid reference.
    pub fn secret(&mut self, setting: &Setting<SecretRefValue>) -> Option<SecretSource> {
        let SecretRefValue(reference) = self.read(setting)?;
        let source = self.secrets.source(None, &reference);
        self.collect(setting, source)
    }

    /// Returns the sources of the secrets that `setting` refers to. Returns no sources if the value
    /// is missing. Reports and omits invalid references.
    pub fn secrets(&mut self, setting: &Setting<SecretRefValues>) -> Vec<SecretSource> {
        let (references, secrets) = (self.read(setting), self.secrets);
        let references = references.map_or_else(Vec::new, |SecretRefValues(references)| references);
        let source = |reference: String| self.collect(setting, secrets.source(None, &reference));
        references.into_iter().filter_map(source).collect()
    }

    /// Reports a mistake of `setting`. The text of `problem` names the mistake and the remedy.
    pub fn report(&mut self, setting: &dyn AnySetting, problem: impl fmt::Display) {
        self.problems.push(setting.problem(&problem));
    }

    /// Returns the value of `result`. If `result` is an error, reports it as a mistake of
    /// `setting`, and returns `None`.
    pub fn collect<T, E: fmt::Display>(
        &mut self,
        setting: &dyn AnySetting,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|problem| self.report(setting, problem)).ok()
    }

    /// Returns the value of `result`. If `result` is an error, reports each of its problems as a
    /// mistake of `setting`, and returns `None`.
    pub(crate) fn collect_all<T>(
        &mut self,
        setting: &dyn AnySetting,
        result: Result<T, ConfigError>,
    ) -> Option<T> {
        for problem in result.as_ref().err().map(ConfigError::problems).unwrap_or_default() {
            self.report(setting, &problem.problem);
        }
        result.ok()
    }

    /// Reports problems that other code has found. The options of these problems are not changed.
    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = ConfigProblem>) {
        self.problems.extend(problems);
    }

    /// Returns whether a mistake was reported.
    #[cfg(feature = "inbound")]
    pub(crate) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Returns whether a mistake of `key`, or of a key inside it, was reported.
    #[cfg(feature = "inbound")]
    pub(crate) fn has_problem(&self, key: &str) -> bool {
        // A path continues with a key or with the number of an entry.
        let is_inside = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
        self.problems.iter().any(|problem| problem.option.strip_prefix(key).is_some_and(is_inside))
    }

    /// Returns the value of `built` if no mistake was reported. Otherwise returns an error with all
    /// mistakes. If `built` is `None` although no mistake was reported, this is also an error.
    pub(crate) fn finish<T>(mut self, built: Option<T>) -> Result<T, ConfigError> {
        match (built, self.problems.is_empty()) {
            (Some(built), true) => return Ok(built),
            (None, true) => self.problems.push(ConfigProblem::new(
                WHOLE,
                "building failed without a reported reason; call Reader::report before returning None",
            )),
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
