use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use crate::with_causes;

/// Everything that is wrong with a configuration, in one error.
///
/// Builders collect each problem instead of stopping at the first, so that one run shows all of them. The text
/// names options and what to do; it never quotes a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// One wrong option. Equal to another one with the same option and text.
#[derive(Clone, Debug)]
pub struct ConfigProblem {
    /// The option, by the name of the builder's method or argument, or by the path of its key in a file.
    pub option: Cow<'static, str>,
    /// What is wrong and what to do about it, with the causes.
    pub problem: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ConfigError {
    /// An error for `problems`.
    #[must_use]
    pub fn new(problems: Vec<ConfigProblem>) -> Self {
        Self { problems }
    }

    /// The problems, in the order in which they were found.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl ConfigProblem {
    /// A problem with `option`.
    #[must_use]
    pub fn new(option: impl Into<Cow<'static, str>>, problem: impl fmt::Display) -> Self {
        Self { option: option.into(), problem: problem.to_string(), source: None }
    }

    /// A problem with `option` that `error` has found. The text shows the error and its causes, so
    /// none of them may hold a secret.
    #[must_use]
    pub fn with_source(
        option: impl Into<Cow<'static, str>>,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source = error.into();
        Self { option: option.into(), problem: with_causes(&*source), source: Some(source.into()) }
    }

    /// Returns the same problem under another name of the option.
    #[must_use]
    pub fn renamed(self, option: impl Into<Cow<'static, str>>) -> Self {
        Self { option: option.into(), ..self }
    }

    /// The value of `result`; its error goes into `problems`, under the name of `option`.
    pub fn collect<T, E: Into<Box<dyn Error + Send + Sync>>>(
        problems: &mut Vec<Self>,
        option: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| problems.push(Self::with_source(option, error))).ok()
    }
}

impl PartialEq for ConfigProblem {
    fn eq(&self, other: &Self) -> bool {
        (&self.option, &self.problem) == (&other.option, &other.problem)
    }
}

impl Eq for ConfigProblem {}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.option, self.problem)
    }
}

impl Error for ConfigProblem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// One problem in a line; several, each in a line of its own.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = &self.problems[..] {
            return write!(f, "the configuration has a problem: {problem}");
        }
        write!(f, "the configuration has {} problems:", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

/// As it is displayed: this is what a `main` shows that returns it.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The source is that of the first problem that has one.
impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problems.iter().find_map(Error::source)
    }
}

#[cfg(test)]
mod tests;
