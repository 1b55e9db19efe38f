//! Programs that are needed beside Rust. They are installed on Debian, and named on other
//! systems.

use std::{env, path::Path, process::Command};

use crate::run::{Outcome, answers, fed, run};

/// A program, the check that it works, and its Debian packages.
pub(crate) struct Need {
    what: &'static str,
    is_met: fn() -> bool,
    debian_packages: &'static [&'static str],
}

/// Needed by every build.
pub(crate) const C_COMPILER: Need = Need {
    what: "a C compiler with the headers of the C library (for the cryptography of aws-lc)",
    is_met: c_compiles,
    debian_packages: &["gcc", "libc6-dev"],
};

/// A third-party HTTP client, for the tests.
pub(crate) const CURL: Need =
    Need { what: "curl (for tests)", is_met: || answers("curl", &["--version"]), debian_packages: &["curl"] };

/// The store of a fleet, for the tests and an example.
pub(crate) const REDIS: Need = Need {
    what: "redis-server and redis-cli (for tests)",
    is_met: || answers("redis-server", &["--version"]) && answers("redis-cli", &["--version"]),
    debian_packages: &["redis-server", "redis-tools"],
};

/// A gateway in front of the sidecar, for the tests.
pub(crate) const NGINX: Need = Need {
    what: "nginx (for tests)",
    is_met: || answers("nginx", &["-v"]),
    debian_packages: &["nginx-light"],
};

/// Runs third-party clients and servers, for the tests.
pub(crate) const PYTHON: Need = Need {
    what: "Python 3 with venv and pip (for tests)",
    is_met: || answers("python3", &["-c", "import venv, ensurepip"]),
    debian_packages: &["python3", "python3-venv"],
};

/// Runs gRPC-Web clients and OIDC servers, for the tests.
pub(crate) const NPM: Need = Need {
    what: "Node.js 20 or later with npm (for tests)",
    is_met: || answers("node", &["--version"]) && answers("npm", &["--version"]),
    debian_packages: &["nodejs", "npm"],
};

/// Builds libFuzzer.
pub(crate) const CPP_COMPILER: Need = Need {
    what: "a C++ compiler (for libFuzzer)",
    is_met: || answers("c++", &["--version"]),
    debian_packages: &["g++"],
};

/// Counts instructions.
pub(crate) const VALGRIND: Need = Need {
    what: "valgrind (for counting instructions)",
    is_met: || answers("valgrind", &["--version"]),
    debian_packages: &["valgrind", "libc6-dbg"],
};

/// Generates load over HTTP/1.1. Its `--version` fails, so it is searched on the path.
pub(crate) const WRK: Need =
    Need { what: "wrk (for benchmarks)", is_met: || is_on_path("wrk"), debian_packages: &["wrk"] };

/// Generates load over HTTP/2.
pub(crate) const H2LOAD: Need = Need {
    what: "h2load (for benchmarks)",
    is_met: || answers("h2load", &["--version"]),
    debian_packages: &["nghttp2-client"],
};

/// Binds a process to a core.
pub(crate) const TASKSET: Need = Need {
    what: "taskset (for benchmarks)",
    is_met: || answers("taskset", &["--version"]),
    debian_packages: &["util-linux"],
};

/// One of the measured peers needs it.
pub(crate) const OPENSSL: Need = Need {
    what: "the headers of OpenSSL, and pkg-config (for a peer in the benchmarks)",
    is_met: || answers("pkg-config", &["--exists", "openssl"]),
    debian_packages: &["libssl-dev", "pkg-config"],
};

pub(crate) fn bring(need: &Need) -> Outcome {
    if (need.is_met)() { Ok(()) } else { install(need) }
}

fn is_on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Returns whether C programs compile. A compiler may be installed without the headers.
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
