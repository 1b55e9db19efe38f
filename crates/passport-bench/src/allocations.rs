//! Allocations per call of all contenders. A counting allocator slows a program down, so a
//! separate program counts: `allocations`.

use std::{collections::HashMap, path::Path, process::Command};

/// The allocations of one call, by side and name.
#[derive(Clone, Debug, Default)]
pub struct Allocations(HashMap<(String, String), f64>);

impl Allocations {
    /// Runs the program, which is in the same folder as this one.
    pub fn counted(beside: &Path) -> Self {
        let output = Command::new(beside.with_file_name("allocations"))
            .output()
            .expect("the program `allocations` is built");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = |line: &str| {
            let mut cells = line.split('\t');
            let key = (cells.next()?.to_owned(), cells.next()?.to_owned());
            Some((key, cells.next()?.parse().ok()?))
        };
        Self(text.lines().filter_map(line).collect())
    }

    pub fn of(&self, side: &str, name: &str) -> f64 {
        self.0
            .get(&(side.to_owned(), name.to_owned()))
            .copied()
            .unwrap_or_else(|| panic!("no allocations were counted for {name}"))
    }
}
