use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use crate::with_causes;

/// All problems of a configuration, in one error.
///
/// Builders collect every problem instead of stopping at the first, so that one run reports all
/// problems. The message names the option and the remedy of each problem, and never contains a
/// secret. `Debug` prints the same message.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// A problem of one option: what is wrong, and the remedy. Two problems are equal if their
/// options and messages are equal.
#[derive(Clone, Debug)]
pub struct ConfigProblem {
    /// The option: the name of the builder's method or argument, or the path of the key in a file.
    pub option: Cow<'static, str>,
    /// The message: what is wrong, its causes, and the remedy.
    pub problem: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ConfigError {
    /// Creates an error from `problems`.
    #[must_use]
    pub fn new(problems: Vec<ConfigProblem>) -> Self {
        Self { problems }
    }

    /// Returns the problems, in the order in which they were found.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl ConfigProblem {
    /// Creates a problem of `option`. `problem` is the message: it must name what is wrong and the
    /// remedy, and must not contain a secret.
    #[must_use]
    pub fn new(option: impl Into<Cow<'static, str>>, problem: impl fmt::Display) -> Self {
        Self { option: option.into(), problem: problem.to_string(), source: None }
    }

    /// Creates a problem of `option` from `error`. The message consists of the messages of the
    /// error and its causes, none of which is allowed to contain a secret.
    #[must_use]
    pub fn with_source(
        option: impl Into<Cow<'static, str>>,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source = error.into();
        Self { option: option.into(), problem: with_causes(&*source), source: Some(source.into()) }
    }

    /// Replaces the name of the option, for example the name of a builder's method by the path of a
    /// key in a file.
    #[must_use]
    pub fn renamed(self, option: impl Into<Cow<'static, str>>) -> Self {
        Self { option: option.into(), ..self }
    }

    /// Returns the value of `result`. If `result` is an error, adds the error to `problems` as a
    /// problem of `option`, and returns `None`.
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

/// Prints a single problem in the first line. If there are several problems, prints each of them
/// in a separate line below the first line.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = &self.problems[..] {
            return write!(f, "invalid configuration: {problem}");
        }
        write!(f, "invalid configuration, {} problems:", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

/// Prints the same message as `Display`, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns the source of the first problem that has a source.
impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problems.iter().find_map(Error::source)
    }
}

#[cfg(test)]
mod tests;
