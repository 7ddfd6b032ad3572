//! What was dangerous when the process died. While a delivery's answer is being read and mapped, a file says so: a message
//! that is found so twice has killed the process twice, and is not tried again. A kill from outside hits a delivery while it
//! waits for somebody else, and leaves no such mark.

use sha1::{Digest, Sha1};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How often a message may have killed the process before it is given up.
const TOO_OFTEN: u32 = 2;

/// The marks of one connector. Without a folder that can be written there are none, and no message is given up.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    folder: Option<Arc<Path>>,
}

/// The marks of one message.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    path: Option<PathBuf>,
    deaths: u32,
}

impl Journal {
    /// Opens the journal; or says why there is none.
    pub(super) fn open(path: &Path, connector: &str) -> (Journal, Option<String>) {
        let word = |sign: char| if sign.is_ascii_alphanumeric() || sign == '-' { sign } else { '_' };
        let folder = path.join(connector.chars().map(word).collect::<String>());
        match fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(".probe"), b"")) {
            Ok(()) => (Journal { folder: Some(folder.into()) }, None),
            Err(error) => (Journal { folder: None }, Some(format!("{} cannot be written: {error}", folder.display()))),
        }
    }

    /// What is known of a message.
    pub(super) fn entry(&self, body: &[u8]) -> Entry {
        let name: String = Sha1::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.folder.as_ref().map(|folder| folder.join(name));
        let deaths = path.as_ref().and_then(|path| fs::read_to_string(path).ok()?.trim().parse().ok()).unwrap_or(0);
        Entry { path, deaths }
    }
}

impl Entry {
    /// Whether the message has killed the process as often as it may.
    pub(super) fn is_deadly(&self) -> bool {
        self.deaths >= TOO_OFTEN
    }

    /// Does something dangerous. If the process dies of it, that is known afterwards.
    pub(super) fn dangerously<T>(&self, work: impl FnOnce() -> T) -> T {
        if let Some(path) = &self.path {
            // Without the mark a deadly message is tried again for ever; with it missing once, once more.
            let _ = fs::write(path, (self.deaths + 1).to_string());
        }
        let done = work();
        if let Some(path) = &self.path {
            match self.deaths {
                0 => drop(fs::remove_file(path)),
                deaths => drop(fs::write(path, deaths.to_string())),
            }
        }
        done
    }

    /// The message was dealt with.
    pub(super) fn close(&self) {
        if let Some(path) = &self.path {
            // It may never have been written.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_killed_the_process_twice_is_deadly() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, problem) = Journal::open(folder.path(), "an/id");
        assert_eq!(problem, None);
        let entry = journal.entry(b"message");
        assert_eq!(entry.dangerously(|| 7), 7);
        assert!(!journal.entry(b"message").is_deadly(), "it came back from it");
        for deaths in 1..=2 {
            let entry = journal.entry(b"message");
            assert!(!entry.is_deadly());
            let died = std::panic::catch_unwind(|| entry.dangerously(|| panic!("as if the process died")));
            assert!(died.is_err(), "death {deaths}");
        }
        assert!(journal.entry(b"message").is_deadly());
        assert!(!journal.entry(b"another").is_deadly());
        journal.entry(b"message").close();
        assert!(!journal.entry(b"message").is_deadly());
    }

    #[test]
    fn without_a_folder_nothing_is_deadly() {
        let (journal, problem) = Journal::open(Path::new("/proc/nowhere"), "id");
        assert!(problem.is_some());
        assert!(!journal.entry(b"message").is_deadly());
    }
}
