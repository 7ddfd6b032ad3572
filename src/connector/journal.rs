//! What must be known after the process died: how far a message's objects were sent, and what was dangerous. While a
//! delivery's answer is read and mapped, a file says so. A message that is found so is suspected of having ended the process;
//! or somebody ended it from outside at that moment, so it is first tried apart. Twice is no chance any more.

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The marks of one connector. Without a folder that can be written there are none, and no message is suspected.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    folder: Option<Arc<Path>>,
}

/// The marks of one message.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    path: Option<PathBuf>,
    deaths: u8,
}

/// What of a message's objects was announced, and sent for certain, before the process died.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) bundle: String,
    pub(super) announced: usize,
    pub(super) confirmed: usize,
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
        // The file is as long as the process died often.
        let marked = path.as_ref().and_then(|path| fs::metadata(path).ok());
        let deaths = marked.map_or(0, |mark| u8::try_from(mark.len()).unwrap_or(u8::MAX));
        Entry { path, deaths }
    }
}

impl Entry {
    /// Whether the process died while it read the message's answer.
    pub(super) fn is_suspect(&self) -> bool {
        self.deaths > 0
    }

    /// Whether it died of it more than once.
    pub(super) fn is_deadly(&self) -> bool {
        self.deaths > 1
    }

    /// Does something dangerous. If the process dies of it, that is known afterwards.
    pub(super) fn dangerously<T>(&self, work: impl FnOnce() -> T) -> T {
        if let Some(path) = &self.path {
            // Without the mark a deadly message is tried once more.
            let _ = fs::write(path, vec![b'x'; usize::from(self.deaths) + 1]);
        }
        let done = work();
        if let Some(path) = &self.path {
            // It may never have been written.
            let _ = fs::remove_file(path);
        }
        done
    }

    /// How far the sending had come.
    pub(super) fn progress(&self) -> Option<Progress> {
        let text = fs::read(self.path.as_ref()?.with_extension("sent")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Notes how far the sending has come.
    pub(super) fn note(&self, progress: &Progress) {
        if let Some(path) = &self.path {
            // Without the note, a process that dies now announces once more; nothing is lost.
            let text = serde_json::to_vec(progress).expect("it is JSON");
            let half = path.with_extension("half");
            // A note that is cut in the middle would be none: it appears when it is whole.
            let _ = fs::write(&half, text).and_then(|()| fs::rename(&half, path.with_extension("sent")));
        }
    }

    /// The message was dealt with.
    pub(super) fn close(&self) {
        if let Some(path) = &self.path {
            // They may never have been written.
            let _ = fs::remove_file(path);
            let _ = fs::remove_file(path.with_extension("sent"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_under_way_when_the_process_died_is_suspected() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, problem) = Journal::open(folder.path(), "an/id");
        assert_eq!(problem, None);
        let entry = journal.entry(b"message");
        assert_eq!(entry.dangerously(|| 7), 7);
        assert!(!journal.entry(b"message").is_suspect(), "it came back from it");
        let died = std::panic::catch_unwind(|| entry.dangerously(|| panic!("as if the process died")));
        assert!(died.is_err() && journal.entry(b"message").is_suspect());
        assert!(!journal.entry(b"message").is_deadly() && !journal.entry(b"another").is_suspect());
        let again = journal.entry(b"message");
        let died = std::panic::catch_unwind(|| again.dangerously(|| panic!("as if the process died")));
        assert!(died.is_err() && journal.entry(b"message").is_deadly());
        journal.entry(b"message").close();
        assert!(!journal.entry(b"message").is_suspect());
    }

    #[test]
    fn how_far_the_sending_came_is_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(folder.path(), "id");
        assert_eq!(journal.entry(b"message").progress(), None);
        let progress = Progress { bundle: "bundle--1".into(), announced: 3, confirmed: 2 };
        journal.entry(b"message").note(&progress);
        assert_eq!(journal.entry(b"message").progress(), Some(progress));
        journal.entry(b"message").close();
        assert_eq!(journal.entry(b"message").progress(), None);
    }

    #[test]
    fn without_a_folder_nothing_is_suspected() {
        let (journal, problem) = Journal::open(Path::new("/proc/nowhere"), "id");
        assert!(problem.is_some());
        assert!(!journal.entry(b"message").is_suspect());
    }
}
