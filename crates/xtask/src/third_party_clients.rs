//! Third-party programs that tests need: gRPC-Web clients and OIDC servers from npm, and Python
//! packages: clients of vaults, OAuth2 and MCP, and a server for AWS. They are installed below
//! `target`, and again when their list changes or they do not work.

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

/// The folders with the versions of npm packages, and the scripts that use them. Tests find each
/// at its name below `target/npm`.
const NPM_PROGRAMS: [(&str, &str); 2] = [
    ("grpc_web_clients", "tests/integration/grpc_web/clients"),
    ("issuers", "tests/integration/issuers/servers"),
];
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Installs all programs. Where that is allowed, tests of programs that cannot be installed are
/// skipped with a message.
pub(crate) fn bring() -> Outcome {
    or_skip("Python", install_python_packages())?;
    or_skip("npm", NPM_PROGRAMS.into_iter().try_for_each(install_npm_packages))
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
/// it. The scripts are copied each time, because they find packages only below their own folder.
fn install_npm_packages((name, source): (&str, &str)) -> Outcome {
    let folder = Path::new(REPOSITORY).join("target/npm").join(name);
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    copy_files(&Path::new(REPOSITORY).join(source), &folder).map_err(failed)?;
    let (lock, stamp) = (folder.join("package-lock.json"), folder.join("installed.json"));
    let required = fs::read(&lock).map_err(failed)?;
    if fs::read(&stamp).is_ok_and(|installed| installed == required) {
        return Ok(());
    }
    prerequisites::bring(&NPM)?;
    run(Command::new("npm").args(["ci", "--silent", "--ignore-scripts"]).current_dir(&folder))?;
    fs::write(&stamp, required).map_err(failed)
}

/// Copies the files of a folder without subfolders.
fn copy_files(source: &Path, target: &Path) -> std::io::Result<()> {
    fs::create_dir_all(target)?;
    for file in fs::read_dir(source)? {
        let file = file?;
        fs::copy(file.path(), target.join(file.file_name()))?;
    }
    Ok(())
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
            &["-c", "import azure.identity, azure.keyvault.secrets, fastmcp, hvac, moto, requests_oauthlib"],
        )
    };
    if fs::read(&stamp).is_ok_and(|installed| installed == required) && works() {
        return Ok(());
    }
    prerequisites::bring(&PYTHON)?;
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    // Python compiles what a test imports; to compile all files takes twice as long.
    let pip = ["-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"];
    let pip = pip.into_iter().chain(["--retries", "1", "--requirement"]);
    run(Command::new(python).args(pip).arg(REQUIREMENTS))?;
    fs::write(&stamp, required).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}
