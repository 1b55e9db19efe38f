//! What the tests need beside Rust: brought on Debian and its kin, named elsewhere.

use std::{env, path::Path, process::Command};

use crate::run::{Outcome, answers, run};

struct Tool {
    /// How it is called, and with what to see that it is there.
    program: String,
    probe: &'static [&'static str],
    debian_package: &'static str,
    why: &'static str,
}

fn needed() -> [Tool; 1] {
    [Tool {
        program: env::var("CC").unwrap_or_else(|_| "cc".to_owned()),
        probe: &["--version"],
        debian_package: "gcc",
        why: "a C compiler, for the cryptography of aws-lc",
    }]
}

pub(crate) fn bring() -> Outcome {
    for tool in needed() {
        if !answers(&tool.program, tool.probe) {
            install(&tool)?;
        }
    }
    Ok(())
}

fn install(tool: &Tool) -> Outcome {
    let missing = format!(
        "`{}` is missing ({}); on Debian: apt-get install {}",
        tool.program, tool.why, tool.debian_package
    );
    if !Path::new("/etc/debian_version").exists() || !answers("apt-get", &["--version"]) {
        return Err(missing);
    }
    let as_root = |arguments: &[&str]| {
        let mut command = if answers("sudo", &["-n", "true"]) { sudo() } else { Command::new("apt-get") };
        run(command.args(arguments))
    };
    as_root(&["update"])
        .and_then(|()| as_root(&["install", "--yes", "--no-install-recommends", tool.debian_package]))
        .map_err(|problem| format!("{missing}\n{problem}"))
}

fn sudo() -> Command {
    let mut command = Command::new("sudo");
    command.args(["-n", "apt-get"]);
    command
}
