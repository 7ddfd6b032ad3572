//! What must be known after the process died: how far a message's objects were sent, and what was dangerous. While a
//! delivery's answer is read and mapped, a file says so. A message that is found so is suspected of having ended the process;
//! or somebody ended it from outside at that moment. So its answer is tried apart from then on, which decides; only where
//! the process ends again and again all the same is the message held to be deadly without that.

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The process may die so often of an answer that was survived apart: once may be chance, and this often is none.
const CHANCES: usize = 4;

/// It may die so often while the answer is tried apart. That takes longer, so that more chances fall into it.
const TRIALS: usize = 16;

/// The marks of one connector. Without a folder that can be written there are none, and no message is suspected.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    folder: Option<Arc<Path>>,
}

/// The marks of one message.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    path: Option<PathBuf>,
    deaths: Deaths,
}

/// What was under way each time the process died: a mark each.
#[derive(Debug, Clone, Default)]
struct Deaths(Vec<u8>);

impl Deaths {
    fn of(&self, danger: Danger) -> usize {
        self.0.iter().filter(|mark| **mark == danger as u8).count()
    }
}

/// What is dangerous.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Danger {
    /// The answer is read and mapped in this process.
    Here = b'h',
    /// It is tried in another, which may take this one with it.
    Apart = b'a',
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
        let marks = path.as_ref().and_then(|path| fs::read(path).ok());
        Entry { path, deaths: Deaths(marks.unwrap_or_default()) }
    }
}

impl Entry {
    /// Whether the process died while it read the message's answer.
    pub(super) fn is_suspect(&self) -> bool {
        !self.deaths.0.is_empty()
    }

    /// Whether it died of it so often that it is no chance.
    pub(super) fn is_deadly(&self) -> bool {
        self.deaths.of(Danger::Here) >= CHANCES || self.deaths.of(Danger::Apart) >= TRIALS
    }

    /// Does something dangerous here. If the process dies of it, that is known afterwards.
    pub(super) fn dangerously<T>(&self, work: impl FnOnce() -> T) -> T {
        self.mark(Danger::Here);
        let done = work();
        self.survived();
        done
    }

    /// Does something dangerous apart.
    pub(super) async fn apart<T>(&self, work: impl Future<Output = T>) -> T {
        self.mark(Danger::Apart);
        let done = work.await;
        self.survived();
        done
    }

    fn mark(&self, danger: Danger) {
        let marks = self.deaths.0.iter().copied().chain([danger as u8]).collect();
        self.write(&Deaths(marks));
    }

    fn survived(&self) {
        self.write(&self.deaths);
    }

    fn write(&self, deaths: &Deaths) {
        let Some(path) = &self.path else { return };
        // Without the marks a deadly message is tried once more, and there may be none to remove.
        let _ = match deaths.0.is_empty() {
            true => fs::remove_file(path),
            false => fs::write(path, &deaths.0),
        };
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
        for deaths in 1..=CHANCES {
            let entry = journal.entry(b"message");
            let died = std::panic::catch_unwind(|| entry.dangerously(|| panic!("as if the process died")));
            assert!(died.is_err() && journal.entry(b"message").is_suspect());
            assert_eq!(journal.entry(b"message").is_deadly(), deaths == CHANCES);
            journal.entry(b"message").dangerously(|| ());
            assert!(journal.entry(b"message").is_suspect(), "once it came back from it, but not always");
        }
        assert!(!journal.entry(b"another").is_suspect());
        journal.entry(b"message").close();
        assert!(!journal.entry(b"message").is_suspect());
    }

    #[tokio::test]
    async fn what_ends_the_process_from_apart_is_deadly_in_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(folder.path(), "id");
        for deaths in 1..=TRIALS {
            let entry = journal.entry(b"message");
            let never = tokio::time::timeout(std::time::Duration::ZERO, entry.apart(std::future::pending::<()>()));
            assert!(never.await.is_err());
            assert_eq!(journal.entry(b"message").is_deadly(), deaths == TRIALS);
        }
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
