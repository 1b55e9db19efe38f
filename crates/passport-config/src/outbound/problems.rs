//! The paths of problems.

use passport_core::{ConfigError, ConfigProblem};

/// The option of a problem with the configuration as a whole.
pub(super) const WHOLE: &str = "configuration";

/// Returns the problems of a part, each with the path of the part.
pub(super) fn within<'a>(
    path: &str,
    error: &'a ConfigError,
) -> impl Iterator<Item = ConfigProblem> + use<'a> {
    let path = path.to_owned();
    error.problems().iter().map(move |problem| {
        let option =
            if problem.option == WHOLE { path.clone() } else { format!("{path}.{}", problem.option) };
        problem.clone().renamed(option)
    })
}

/// Returns the problems of both, each once.
#[cfg(feature = "reqwest")]
pub(super) fn both(one: Option<ConfigError>, other: Option<ConfigError>) -> ConfigError {
    let mut problems: Vec<ConfigProblem> = Vec::new();
    for problem in [one, other].iter().flatten().flat_map(ConfigError::problems) {
        if !problems.contains(problem) {
            problems.push(problem.clone());
        }
    }
    ConfigError::new(problems)
}
