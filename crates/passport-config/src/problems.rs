//! The paths of problems.

use passport_core::{ConfigError, ConfigProblem};

/// The option of a problem with the configuration as a whole.
pub(crate) const WHOLE: &str = "configuration";

/// Returns the problems of a part, each with the path of the part.
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
