//! The paths of configuration keys in problems.

use passport_core::{ConfigError, ConfigProblem};

/// The option of a problem that concerns a whole table instead of one of its keys.
pub(crate) const WHOLE: &str = "configuration";

/// Returns the problems of `error`, which is the error of the table at `path`. The option of
/// each problem is replaced by the full path of the key. For example, the option `scopes` in the
/// table `identities.erp` becomes `identities.erp.scopes`.
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
