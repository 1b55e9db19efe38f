use std::{borrow::Cow, fmt};

/// Everything that is wrong with a configuration, in one error.
///
/// Builders collect each problem instead of stopping at the first, so that one run shows all of them. The text
/// names options and what to do; it never quotes a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// One wrong option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The option, by the name of the builder's method or argument, or by the path of its key in a file.
    pub option: Cow<'static, str>,
    /// What is wrong and what to do about it.
    pub problem: String,
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
        Self { option: option.into(), problem: problem.to_string() }
    }

    /// The value of `result`; its error goes into `problems`, under the name of `option`.
    pub fn collect<T, E: fmt::Display>(
        problems: &mut Vec<Self>,
        option: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| problems.push(Self::new(option, error))).ok()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration has problems: ")?;
        for (position, ConfigProblem { option, problem }) in self.problems.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{option}: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
