//! The key paths of problems.

use passport_core::{ConfigError, ConfigProblem};

/// The option of a problem that concerns the whole configuration.
pub(crate) const WHOLE: &str = "configuration";

/// Returns the problems of a part of the configuration, with `path` added to the option of each.
pub(crate) fn within<'a>(
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
