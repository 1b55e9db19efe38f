use std::{borrow::Cow, fmt};

/// Everything that is wrong with a configuration, in one error.
///
/// Builders collect each problem instead of stopping at the first, so that one run shows all of them. The text
/// names options and what to do; it never quotes a secret.
#[derive(Clone, PartialEq, Eq)]
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

/// One problem in a line; several, each in a line of its own.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [ConfigProblem { option, problem }] = &self.problems[..] {
            return write!(f, "the configuration has a problem: {option}: {problem}");
        }
        write!(f, "the configuration has {} problems:", self.problems.len())?;
        self.problems
            .iter()
            .try_for_each(|ConfigProblem { option, problem }| write!(f, "\n- {option}: {problem}"))
    }
}

/// As it is displayed: this is what a `main` shows that returns it.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_several_problems_has_a_line() {
        let problem = |option: &'static str| ConfigProblem::new(option, "it is wrong; write another");
        let one = ConfigError::new(vec![problem("a")]);
        assert_eq!(one.to_string(), "the configuration has a problem: a: it is wrong; write another");
        let two = ConfigError::new(vec![problem("a"), problem("b")]);
        let text = "the configuration has 2 problems:\n- a: it is wrong; write another\n- b: it is wrong; write another";
        assert_eq!((two.to_string().as_str(), format!("{two:?}").as_str()), (text, text));
    }
}
