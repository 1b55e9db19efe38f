//! Third-party programs that tests need: gRPC-Web clients from npm, and Python packages: clients
//! of vaults and a server for AWS. They are installed below `target`, and again when their list
//! changes or they do not work.

use std::{fs, path::Path, process::Command};

use crate::{
    prerequisites::{self, NPM, PYTHON},
    run::{Outcome, answers, run},
};

/// The Python packages and their versions.
const REQUIREMENTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vaults/third_party_clients/requirements.txt");
const PYTHON_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/third-party-clients");

/// The environment variable that is 1 where no test may be skipped. Tests read it as well.
pub(crate) const NEVER_SKIP: &str = "PASSPORT_TESTS_NEVER_SKIP";

/// The gRPC-Web clients: their versions, and the script that uses them.
const GRPC_WEB_CLIENTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/integration/grpc_web/clients");
const NPM_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/npm");

/// Installs all programs. Where that is allowed, tests of programs that cannot be installed are
/// skipped with a message.
pub(crate) fn bring() -> Outcome {
    or_skip("Python", install_python_packages())?;
    or_skip("npm", install_npm_packages())
}

fn or_skip(source: &str, outcome: Outcome) -> Outcome {
    match outcome {
        Err(error) if std::env::var(NEVER_SKIP).is_ok_and(|never| never == "1") => Err(error),
        Err(error) => {
            eprintln!(
                "\n!!! TESTS WILL BE SKIPPED, for what they need of {source} could not be installed: {error}\n"
            );
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Copies the lock file as `installed.json` when all packages are installed; the tests look for
/// it.
fn install_npm_packages() -> Outcome {
    let (source, folder) = (Path::new(GRPC_WEB_CLIENTS), Path::new(NPM_FOLDER));
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    for name in ["read_statuses.mjs", "package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name)).map_err(failed)?;
    }
    let (lock, stamp) = (folder.join("package-lock.json"), folder.join("installed.json"));
    let required = fs::read(&lock).map_err(failed)?;
    if fs::read(&stamp).is_ok_and(|installed| installed == required) {
        return Ok(());
    }
    prerequisites::bring(&NPM)?;
    run(Command::new("npm").args(["ci", "--silent", "--ignore-scripts"]).current_dir(folder))?;
    fs::write(&stamp, required).map_err(failed)
}

/// Copies the list beside the packages when all of them are installed; the tests look for it.
fn install_python_packages() -> Outcome {
    let folder = Path::new(PYTHON_FOLDER);
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let required =
        fs::read(REQUIREMENTS).map_err(|error| format!("{REQUIREMENTS} cannot be read: {error}"))?;
    let works = || {
        answers(
            &python.to_string_lossy(),
            &["-c", "import azure.identity, azure.keyvault.secrets, hvac, moto, requests_oauthlib"],
        )
    };
    if fs::read(&stamp).is_ok_and(|installed| installed == required) && works() {
        return Ok(());
    }
    prerequisites::bring(&PYTHON)?;
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--requirement"];
    run(Command::new(python).args(pip).arg(REQUIREMENTS))?;
    fs::write(&stamp, required).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}
