//! Connectors as processes: they are started with variables alone, as a container is, and end with the test that started them.

use super::soon;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A connector that runs. It is killed when the test is done with it.
pub(crate) struct Program {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Program {
    /// Starts a command; what it says goes to a file.
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

    /// What it said so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("what it says is text")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Its memory in bytes: now (`VmRSS`), or the most it ever was (`VmHWM`).
    pub(crate) fn memory(&self, which: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with(which)).expect("Linux tells it");
        let kilobytes = line.split_whitespace().nth(1).expect("a figure");
        kilobytes.parse::<usize>().expect("a number") * 1024
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Asks it to end, as `docker stop` does.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// How it ended; none if it was killed.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        soon(Duration::from_secs(20), "it ends by itself", || !self.is_running());
        self.child.wait().expect("it is our child").code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.said());
        }
    }
}

/// Python, as the tests have it.
pub(crate) fn python(script: &str) -> Command {
    let python = crate::support::root().join("target/venv/bin/python");
    assert!(Path::new(&python).is_file(), "{} is missing: `tests/run` installs it", python.display());
    let mut command = Command::new(python);
    command.arg(crate::support::root().join("tests/connector").join(script)).env_clear();
    command
}
