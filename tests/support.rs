//! Runs the program as a user does, with an empty environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns a command that runs the program in the root of the repository with an empty environment.
pub(crate) fn stixmap(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stixmap"));
    command.args(arguments).env_clear().current_dir(root()).stdin(Stdio::null());
    command
}

/// Exit code and output of a run.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command until it exits.
pub(crate) fn ended(mut command: Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    Ended {
        code: status.code().expect("it ends by itself"),
        out: String::from_utf8(stdout).expect("data is UTF-8"),
        err: String::from_utf8(stderr).expect("remarks are UTF-8"),
    }
}

/// Returns all profiles of the repository: built-in ones and those of tests.
pub(crate) fn profiles() -> Vec<PathBuf> {
    let folders = [root().join("profiles"), root().join("tests/providers")];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder of profiles"));
    let mut profiles: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join("profile.yaml").is_file()).collect();
    profiles.sort();
    profiles
}

/// Returns the cases of a profile.
pub(crate) fn cases(profile: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(profile.join("cases")).expect("a profile has cases");
    let mut cases: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    cases.sort();
    cases
}
