//! What is needed beside Rust: brought on Debian and its kin, named elsewhere.

use std::{env, path::Path, process::Command};

use crate::run::{Outcome, answers, fed, run};

/// Something that must be there, how to see that it is, and where Debian has it.
pub(crate) struct Need {
    what: &'static str,
    is_met: fn() -> bool,
    debian_packages: &'static [&'static str],
}

/// For everything.
pub(crate) const C_COMPILER: Need = Need {
    what: "a C compiler with the headers of the C library (for the cryptography of aws-lc)",
    is_met: c_compiles,
    debian_packages: &["gcc", "libc6-dev"],
};

/// For fuzzing.
pub(crate) const CPP_COMPILER: Need = Need {
    what: "a C++ compiler (for libFuzzer)",
    is_met: || answers("c++", &["--version"]),
    debian_packages: &["g++"],
};

pub(crate) fn bring(need: &Need) -> Outcome {
    if (need.is_met)() { Ok(()) } else { install(need) }
}

/// A compiler may be there without the headers, and a linker without a compiler.
fn c_compiles() -> bool {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut words = compiler.split_whitespace();
    let Some(program) = words.next() else { return false };
    let mut command = Command::new(program);
    command.args(words).args(["-x", "c", "-fsyntax-only", "-"]);
    fed(&mut command, "#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n")
}

fn install(need: &Need) -> Outcome {
    let packages = need.debian_packages.join(" ");
    let missing = format!("missing: {}; on Debian: apt-get install {packages}", need.what);
    if !Path::new("/etc/debian_version").exists() || !answers("apt-get", &["--version"]) {
        return Err(missing);
    }
    let as_root = |arguments: &[&str]| {
        let mut command = if answers("sudo", &["-n", "true"]) { sudo() } else { Command::new("apt-get") };
        run(command.args(arguments))
    };
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(need.debian_packages);
    as_root(&["update"])
        .and_then(|()| as_root(&install))
        .map_err(|problem| format!("{missing}\n{problem}"))?;
    if (need.is_met)() { Ok(()) } else { Err(format!("{missing}; it was installed, but does not work")) }
}

fn sudo() -> Command {
    let mut command = Command::new("sudo");
    command.args(["-n", "apt-get"]);
    command
}
