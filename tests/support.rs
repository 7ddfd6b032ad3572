//! Starts the program as a user does, without anything of the tester's environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The program, in the repository's folder, with an empty environment.
pub(crate) fn stixmap(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stixmap"));
    command.args(arguments).env_clear().current_dir(root()).stdin(Stdio::null());
    command
}

/// How it ended, what it wrote.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs it to its end.
pub(crate) fn ended(mut command: Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    Ended {
        code: status.code().expect("it ends by itself"),
        out: String::from_utf8(stdout).expect("data is UTF-8"),
        err: String::from_utf8(stderr).expect("remarks are UTF-8"),
    }
}

/// Every profile of the repository: those it ships, and those of its tests.
pub(crate) fn profiles() -> Vec<PathBuf> {
    let folders = [root().join("profiles"), root().join("tests/providers")];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder of profiles"));
    let mut profiles: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join("profile.yaml").is_file()).collect();
    profiles.sort();
    profiles
}

/// The cases of a profile.
pub(crate) fn cases(profile: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(profile.join("cases")).expect("a profile has cases");
    let mut cases: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    cases.sort();
    cases
}
