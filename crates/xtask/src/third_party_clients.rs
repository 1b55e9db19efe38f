//! Programs that tests need. Of npm: clients of grpc-web. Of Python: clients that check the
//! stand-ins of vaults, and a server of AWS. They live in folders of their own, and are installed
//! again when the list of them changes, or they do not work.

use std::{fs, path::Path, process::Command};

use crate::{
    prerequisites::{self, NPM, PYTHON},
    run::{Outcome, answers, run},
};

const WANTED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vaults/third_party_clients/requirements.txt");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/third-party-clients");

/// Set to 1 where no test may be skipped. The tests look at it, too.
pub(crate) const NEVER_SKIP: &str = "PASSPORT_TESTS_NEVER_SKIP";

/// The clients of grpc-web from npm: their versions, and the script that calls with them.
const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/integration/grpc_web/clients");
const NPM_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/npm");

/// Without them tests are skipped, each with a loud word, where that is allowed.
pub(crate) fn bring() -> Outcome {
    or_skipped("Python", installed())?;
    or_skipped("npm", clients_installed())
}

fn or_skipped(source: &str, outcome: Outcome) -> Outcome {
    match outcome {
        Err(problem) if std::env::var(NEVER_SKIP).is_ok_and(|never| never == "1") => Err(problem),
        Err(problem) => {
            eprintln!(
                "\n!!! TESTS WILL BE SKIPPED, for what they need of {source} could not be installed: {problem}\n"
            );
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The lock file is copied as `installed.json` when all packages are there; the tests look for it.
fn clients_installed() -> Outcome {
    let (source, folder) = (Path::new(CLIENTS), Path::new(NPM_FOLDER));
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    for name in ["read_statuses.mjs", "package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name)).map_err(failed)?;
    }
    let (lock, stamp) = (folder.join("package-lock.json"), folder.join("installed.json"));
    let wanted = fs::read(&lock).map_err(failed)?;
    if fs::read(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    prerequisites::bring(&NPM)?;
    run(Command::new("npm").args(["ci", "--silent", "--ignore-scripts"]).current_dir(folder))?;
    fs::write(&stamp, wanted).map_err(failed)
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
