//! Connector processes: configured by variables only, as in a container, and killed with the test that started them.

use super::soon;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running connector. It is killed when dropped.
pub(crate) struct Program {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Program {
    /// Starts a command with its output in a file.
    pub(crate) fn start(mut command: Command) -> Program {
        let log = tempfile::NamedTempFile::new().expect("a file");
        let out = log.reopen().expect("the file is there");
        let err = out.try_clone().expect("the file is open");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("the program starts");
        Program { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the output so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("what it says is text")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Returns the memory in bytes: current (`VmRSS`) or peak (`VmHWM`).
    pub(crate) fn memory(&self, which: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with(which)).expect("Linux tells it");
        let kilobytes = line.split_whitespace().nth(1).expect("a figure");
        kilobytes.parse::<usize>().expect("a number") * 1024
    }

    /// Kills the process (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Requests termination (SIGTERM), as `docker stop` does.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Waits for the process to exit. Returns its exit code, or `None` if it was killed.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        soon(Duration::from_secs(20), "it ends by itself", || !self.is_running());
        self.child.wait().expect("it is our child").code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.said());
        }
    }
}

/// Returns a command that runs a script with the Python of the tests.
pub(crate) fn python(script: &str) -> Command {
    let python = crate::support::root().join("target/venv/bin/python");
    assert!(Path::new(&python).is_file(), "missing {}: run `tests/run`", python.display());
    let mut command = Command::new(python);
    command.arg(crate::support::root().join("tests/connector").join(script)).env_clear();
    command
}
