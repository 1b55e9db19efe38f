//! Programs of Python that tests need: clients that judge the stand-ins of vaults, and a server of AWS. They live in a folder of
//! their own, and are installed anew when the list of them changes, or they do not work.

use std::{fs, path::Path, process::Command};

use crate::{
    prerequisites::{self, PYTHON},
    run::{Outcome, answers, run},
};

const WANTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vaults/judges/requirements.txt");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/judges");

/// Set to 1 where no test may be skipped. The tests look at it, too.
pub(crate) const NEVER_SKIP: &str = "PASSPORT_TESTS_NEVER_SKIP";

/// Without them tests are skipped, each with a loud word, where that is allowed.
pub(crate) fn bring() -> Outcome {
    match installed() {
        Err(problem) if std::env::var(NEVER_SKIP).is_ok_and(|never| never == "1") => Err(problem),
        Err(problem) => {
            eprintln!(
                "\n!!! TESTS WILL BE SKIPPED, for what they need of Python could not be installed: {problem}\n"
            );
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The list is laid beside what was installed when all of it is there; the tests use nothing without it.
fn installed() -> Outcome {
    let folder = Path::new(FOLDER);
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let wanted = fs::read(WANTED).map_err(|error| format!("{WANTED} cannot be read: {error}"))?;
    let works = || {
        answers(
            &python.to_string_lossy(),
            &["-c", "import azure.identity, azure.keyvault.secrets, hvac, moto, requests_oauthlib"],
        )
    };
    if fs::read(&stamp).is_ok_and(|there| there == wanted) && works() {
        return Ok(());
    }
    prerequisites::bring(&PYTHON)?;
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--requirement"];
    run(Command::new(python).args(pip).arg(WANTED))?;
    fs::write(&stamp, wanted).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}
