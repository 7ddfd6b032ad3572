//! What must be known after the process died: how far a delivery came, that everybody was told what came of it, what a playbook
//! could not be answered with yet, and what was dangerous. While something is done that takes memory or time as a message wants
//! it, a file says so. A message that is found so is suspected of having ended the process; or somebody ended it from outside at
//! that moment. So its answer is tried apart from then on, and how that process ends decides: whoever ends this one from outside
//! does not end that. Only where this one ends all the same, time after time, is the message held to be deadly without that; what
//! is ended several times within a minute is ended by whoever runs it. Where no file can be written, every message that comes
//! again is suspected.

use super::log::{Log, because};
use super::progress::Progress;
use crate::files::{Bound, State, StateError};
use sha1::{Digest, Sha1};
use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The process may die so often over a message whose answer was survived apart: once may be chance, and this often is none.
const CHANCES: usize = 3;

/// Deaths so close together are one: a message that ends the process does so again whenever it comes, for hours; a host that
/// is short of memory or restarted again and again does so for a while, whatever is under way.
const BURST: Duration = Duration::from_secs(60);

/// It may die so often while the answer is tried apart. That takes longer, so that more chances fall into it.
const TRIALS: usize = 5;

/// It may die so often while the message is dealt with at all. That takes longest.
const BEGINNINGS: usize = 20;

/// What is not asked for any more after so long goes.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// How often marks of processes that are gone are looked for.
const SWEPT: Duration = Duration::from_secs(3600);

/// How often it is said that the journal cannot be written.
const WARNED: Duration = Duration::from_secs(600);

/// An acknowledgement that was sent may not arrive. A connection to the broker that has lived on for so long has brought it
/// there; a worker that waits for the answer to its request has given up by then.
const UNCERTAIN: Duration = Duration::from_secs(600);

/// The marks of one connector, in a folder; none if no folder can be written.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    folder: Option<Arc<State>>,
    told: Arc<Mutex<ConcludedMessages>>,
    warnings: Arc<Warnings>,
}

/// Where it is said that the journal cannot be written, and when that was said last.
#[derive(Debug, Default)]
struct Warnings {
    log: Option<Log>,
    last: Mutex<Option<Instant>>,
}

impl Warnings {
    /// Warns of what could not be written. Returns whether it did: a disk that is full is full for each message.
    fn note(&self, written: io::Result<()>, now: Instant) -> bool {
        let Err(error) = written else { return false };
        let mut last = locked(&self.last);
        if last.is_some_and(|last| now.saturating_duration_since(last) < WARNED) {
            return false;
        }
        *last = Some(now);
        if let Some(log) = &self.log {
            log.danger("The journal cannot be written: after a crash, what was done may be done again", because(error));
        }
        true
    }
}

/// The messages that were concluded, and till when that must be known.
#[derive(Debug, Default)]
struct ConcludedMessages {
    names: HashSet<String>,
    until: BTreeSet<(Instant, String)>,
    /// When marks of processes that are gone were looked for last.
    swept: Option<Instant>,
}

/// The marks of one message.
#[derive(Debug)]
pub(super) struct Entry {
    name: String,
    folder: Option<Arc<State>>,
    told: Arc<Mutex<ConcludedMessages>>,
    warnings: Arc<Warnings>,
    comes_again: bool,
    deaths: Deaths,
    progress: Mutex<Option<Progress>>,
}

/// What was under way each time the process died: a mark each, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Deaths(Vec<AttemptMark>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AttemptMark {
    danger: u8,
    /// When it was begun, in seconds since 1970.
    at: u64,
}

impl Deaths {
    /// Reads marks as they are written. What is cut off is none.
    fn read(bytes: &[u8]) -> Deaths {
        let mark = |line: &[u8]| {
            let (danger, at) = line.split_first()?;
            Some(AttemptMark { danger: *danger, at: std::str::from_utf8(at).ok()?.parse().ok()? })
        };
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        Deaths(lines.filter_map(mark).collect())
    }

    fn written(&self) -> Vec<u8> {
        self.0.iter().flat_map(|mark| format!("{}{}\n", char::from(mark.danger), mark.at).into_bytes()).collect()
    }

    fn with(&self, danger: Danger, now: SystemTime) -> Deaths {
        let at = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Deaths(self.0.iter().copied().chain([AttemptMark { danger: danger as u8, at }]).collect())
    }

    fn has(&self, danger: Danger) -> bool {
        self.0.iter().any(|mark| mark.danger == danger as u8)
    }

    /// How often, where those of one burst are one.
    fn of(&self, danger: Danger) -> usize {
        let mut last: Option<u64> = None;
        let mut count = 0;
        for mark in self.0.iter().filter(|mark| mark.danger == danger as u8) {
            // A clock that was set back begins anew.
            if last.is_none_or(|last| mark.at.abs_diff(last) >= BURST.as_secs()) {
                (last, count) = (Some(mark.at), count + 1);
            }
        }
        count
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
    /// The message is dealt with: nothing that is dangerous by itself.
    Begun = b'b',
}

impl Journal {
    /// Opens the journal; or says why there is none. One in which others have a hand is an error: it says what was done.
    pub(super) fn open(path: Option<&Path>, connector: &str) -> anyhow::Result<(Journal, Option<String>)> {
        let none = |why: String| Ok((Journal::default(), Some(why)));
        let Some(path) = path else {
            return none("there is no place for it: CONNECTOR_JOURNAL_PATH names one".to_owned());
        };
        let word = |sign: char| if sign.is_ascii_alphanumeric() || sign == '-' { sign } else { '_' };
        match State::open(path, &connector.chars().map(word).collect::<String>()) {
            Ok(state) => {
                let journal = Journal { folder: Some(state.into()), ..Journal::default() };
                journal.forget(Instant::now());
                Ok((journal, None))
            }
            Err(StateError::Unwritable(error)) => none(format!("{} cannot be written: {error}", path.display())),
            Err(StateError::Unsafe(why)) => anyhow::bail!("the journal is not safe: {why} (CONNECTOR_JOURNAL_PATH)"),
        }
    }

    /// Says in this log what goes wrong.
    pub(super) fn warn_in(&mut self, log: Log) {
        self.warnings = Arc::new(Warnings { log: Some(log), last: Mutex::default() });
    }

    /// What is known of a message, that may have come before.
    pub(super) fn entry(&self, body: &[u8], comes_again: bool) -> Entry {
        self.forget(Instant::now());
        self.named(name(body), comes_again)
    }

    /// The messages that were begun with before a time and never concluded, and the work of each.
    pub(super) fn owed(&self, before: SystemTime) -> Vec<(String, Entry)> {
        let Some(folder) = &self.folder else { return vec![] };
        let names = folder.older(before, |file| is_own(file) && file.ends_with(".work")).unwrap_or_default();
        let names = names.iter().filter_map(|file| file.strip_suffix(".work"));
        let entries = names.map(|name| self.named(name.to_owned(), true)).filter(|entry| !entry.is_concluded());
        entries.filter_map(|entry| Some((String::from_utf8(entry.read("work")?).ok()?, entry))).collect()
    }

    fn named(&self, name: String, comes_again: bool) -> Entry {
        let folder = self.folder.clone();
        let deaths = match &folder {
            Some(folder) => Deaths::read(&folder.read(&name, Bound::OWN).unwrap_or_default()),
            None if comes_again => Deaths::default().with(Danger::Here, SystemTime::now()),
            None => Deaths::default(),
        };
        let sent = folder.as_ref().and_then(|folder| folder.read(&with(&name, "sent"), Bound::OWN).ok());
        let progress = sent.and_then(|text| serde_json::from_slice(&text).ok());
        Entry {
            name,
            folder,
            told: Arc::clone(&self.told),
            warnings: Arc::clone(&self.warnings),
            comes_again,
            deaths,
            progress: Mutex::new(progress),
        }
    }
}

impl Journal {
    /// Acknowledgements may have been lost: what was concluded lately may come again, whenever the broker is back.
    pub(super) fn doubt(&self) {
        let now = Instant::now();
        let mut told = locked(&self.told);
        // What was doubted before is not so for longer.
        let doubted = |until| if until > now + UNCERTAIN { until } else { now + KEPT };
        told.until = std::mem::take(&mut told.until).into_iter().map(|(until, name)| (doubted(until), name)).collect();
    }

    /// Forgets what was concluded so long ago that it does not come again, also by processes that are gone.
    fn forget(&self, now: Instant) {
        let mut told = locked(&self.told);
        if told.swept.is_none_or(|last| now.saturating_duration_since(last) >= SWEPT) {
            told.swept = Some(now);
            // What cannot be removed is in nobody's way.
            let _ = self.folder.as_ref().map(|folder| folder.sweep(SystemTime::now() - KEPT, is_own));
        }
        while told.until.first().is_some_and(|(until, _)| *until < now) {
            let Some((_, name)) = told.until.pop_first() else { return };
            if let Some(folder) = &self.folder {
                // It may be gone already.
                let _ = folder.remove(&with(&name, "told"));
            }
            told.names.remove(&name);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A message's name: the same for the same octets.
pub(super) fn name(body: &[u8]) -> String {
    Sha1::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a message's file is called that says one thing of it.
fn with(name: &str, what: &str) -> String {
    format!("{name}.{what}")
}

/// Whether a file is called as those of a message are: marks of messages that never came again are removed, and nothing else.
fn is_own(file: &str) -> bool {
    let (name, what) = file.split_once('.').unwrap_or((file, ""));
    let is_name = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_name && ["", "sent", "answer", "failed", "told", "work", "half"].contains(&what)
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the message may have come before, to whomever.
    pub(super) fn comes_again(&self) -> bool {
        self.comes_again
    }

    /// Whether the process died while it read the message's answer.
    pub(super) fn is_suspect(&self) -> bool {
        self.deaths.has(Danger::Here) || self.deaths.has(Danger::Apart)
    }

    /// Whether it died of it so often that it is no chance.
    pub(super) fn is_deadly(&self) -> bool {
        let limits = [(Danger::Here, CHANCES), (Danger::Apart, TRIALS), (Danger::Begun, BEGINNINGS)];
        limits.into_iter().any(|(danger, limit)| self.deaths.of(danger) >= limit)
    }

    /// Deals with the message. If the process dies meanwhile, that is known afterwards.
    pub(super) async fn begun<T>(&mut self, work: impl AsyncFnOnce(&Entry) -> T) -> T {
        self.deaths = self.deaths.with(Danger::Begun, SystemTime::now());
        self.survived();
        let done = work(self).await;
        self.deaths.0.pop();
        self.survived();
        done
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
        // Who does not wait for its end survives it, too.
        struct Survived<'e>(&'e Entry);
        impl Drop for Survived<'_> {
            fn drop(&mut self) {
                self.0.survived();
            }
        }
        self.mark(Danger::Apart);
        let _survived = Survived(self);
        work.await
    }

    fn mark(&self, danger: Danger) {
        self.write(&self.deaths.with(danger, SystemTime::now()));
    }

    fn survived(&self) {
        self.write(&self.deaths);
    }

    fn write(&self, deaths: &Deaths) {
        let Some(folder) = &self.folder else { return };
        // Without the marks a deadly message is tried once more.
        match deaths.0.is_empty() {
            // There may be none.
            true => drop(folder.remove(&self.name)),
            false => drop(self.warnings.note(folder.write(&self.name, &deaths.written()), Instant::now())),
        }
    }

    /// How far the delivery has come, if it was begun.
    pub(super) fn progress(&self) -> Option<Progress> {
        locked(&self.progress).clone()
    }

    /// Notes how far the delivery has come, and gives it.
    pub(super) fn note(&self, change: impl FnOnce(&mut Progress)) -> Progress {
        let mut held = locked(&self.progress);
        let progress = held.get_or_insert_default();
        change(progress);
        // Without the note, a process that dies now does once more what it did; nothing is lost.
        self.put("sent", &serde_json::to_vec(progress).expect("it is JSON"));
        progress.clone()
    }

    /// The platform was there, and could not be told what came of the message. Gives how often by now.
    pub(super) fn strike(&self) -> usize {
        let before = self.read("failed");
        let strikes = before.unwrap_or_default().len() + 1;
        self.put("failed", &vec![b'f'; strikes]);
        strikes
    }

    /// Keeps what a playbook is answered with, till it can be.
    pub(super) fn keep_answer(&self, answer: &str) {
        self.put("answer", answer.as_bytes());
    }

    /// What a playbook could not be answered with before.
    pub(super) fn answer(&self) -> Option<String> {
        String::from_utf8(self.read("answer")?).ok()
    }

    /// Somebody waits for this work to be reported, whether or not the message comes again.
    pub(super) fn owe(&self, work: &str) {
        self.put("work", work.as_bytes());
    }

    /// Whoever waits was told what came of it; only the broker may not know yet.
    pub(super) fn conclude(&self) {
        self.put("told", b"");
        if let Some(folder) = &self.folder {
            // There may have been no work.
            let _ = folder.remove(&with(&self.name, "work"));
        }
        let mut told = locked(&self.told);
        told.until.insert((Instant::now() + UNCERTAIN, self.name.clone()));
        told.names.insert(self.name.clone());
    }

    /// Whether the message was concluded before.
    pub(super) fn is_concluded(&self) -> bool {
        let has_mark = || self.folder.as_ref().is_some_and(|folder| folder.has(&with(&self.name, "told")));
        locked(&self.told).names.contains(&self.name) || has_mark()
    }

    /// Writes a file that appears when it is whole: one that is cut in the middle would say something else.
    fn put(&self, what: &str, text: &[u8]) {
        if let Some(folder) = &self.folder {
            let written = folder.put(&with(&self.name, what), &with(&self.name, "half"), text);
            self.warnings.note(written, Instant::now());
        }
    }

    fn read(&self, what: &str) -> Option<Vec<u8>> {
        self.folder.as_ref()?.read(&with(&self.name, what), Bound::OWN).ok()
    }

    /// The message was dealt with. That it was concluded is remembered for a while.
    pub(super) fn close(&self) {
        if let Some(folder) = &self.folder {
            // They may never have been written.
            let _ = folder.remove(&self.name);
            ["sent", "answer", "failed", "work"].iter().for_each(|what| drop(folder.remove(&with(&self.name, what))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// As if all that is known of a message had happened earlier.
    fn age(folder: &Path, body: &[u8], by: Duration) {
        let path = folder.join("id").join(name(body));
        let Deaths(mut marks) = Deaths::read(&fs::read(&path).unwrap_or_default());
        marks.iter_mut().for_each(|mark| mark.at -= by.as_secs());
        if !marks.is_empty() {
            fs::write(path, Deaths(marks).written()).expect("it can be written");
        }
    }

    #[test]
    fn only_what_was_under_way_when_the_process_died_is_suspected() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, problem) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        assert_eq!(problem, None);
        let entry = journal.entry(b"message", false);
        assert_eq!(entry.dangerously(|| 7), 7);
        assert!(!journal.entry(b"message", false).is_suspect(), "it came back from it");
        for deaths in 1..=CHANCES {
            let entry = journal.entry(b"message", false);
            let died = std::panic::catch_unwind(|| entry.dangerously(|| panic!("as if the process died")));
            assert!(died.is_err() && journal.entry(b"message", false).is_suspect());
            assert_eq!(journal.entry(b"message", false).is_deadly(), deaths == CHANCES);
            journal.entry(b"message", false).dangerously(|| ());
            assert!(journal.entry(b"message", false).is_suspect(), "once it came back from it, but not always");
            age(folder.path(), b"message", BURST);
        }
        assert!(!journal.entry(b"another", false).is_suspect());
        journal.entry(b"message", false).close();
        assert!(!journal.entry(b"message", false).is_suspect());
    }

    #[tokio::test]
    async fn what_ends_the_process_from_apart_is_deadly_in_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        for deaths in 1..=TRIALS {
            let entry = journal.entry(b"message", false);
            // As if the process died: nothing is done after it.
            let never = Box::leak(Box::new(Box::pin(entry.apart(std::future::pending::<()>()))));
            assert!(tokio::time::timeout(Duration::ZERO, never).await.is_err());
            assert_eq!(journal.entry(b"message", false).is_deadly(), deaths == TRIALS);
            age(folder.path(), b"message", BURST);
        }
    }

    #[tokio::test]
    async fn a_process_that_is_killed_again_and_again_within_a_minute_makes_no_message_deadly() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        for _ in 0..50 {
            let mut entry = journal.entry(b"message", false);
            let killed = entry.begun(async |entry: &Entry| {
                let killed = entry.apart(std::future::pending::<()>());
                let killed = Box::leak(Box::new(Box::pin(killed)));
                assert!(tokio::time::timeout(Duration::ZERO, killed).await.is_err());
                std::future::pending::<()>().await;
            });
            assert!(tokio::time::timeout(Duration::ZERO, killed).await.is_err());
        }
        let again = journal.entry(b"message", true);
        assert!(again.is_suspect() && !again.is_deadly());
    }

    #[test]
    fn a_work_is_owed_until_it_is_concluded_also_by_another_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        ["one", "two", "three"].iter().for_each(|body| journal.entry(body.as_bytes(), false).owe(body));
        let later = || SystemTime::now() + Duration::from_secs(1);
        journal.entry(b"one", false).conclude();
        journal.entry(b"two", false).close();
        let (after, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        let owed = after.owed(later());
        assert_eq!(owed.iter().map(|(work, _)| work.as_str()).collect::<Vec<_>>(), ["three"]);
        assert!(after.owed(SystemTime::now() - Duration::from_secs(60)).is_empty(), "it may be under way elsewhere");
    }

    proptest! {
        /// Whatever is done and however long it takes: what happens within one minute is one death, and none is forgotten.
        #[test]
        fn deaths_count_once_a_minute(waits in proptest::collection::vec(0..200_u64, 0..40)) {
            let (mut deaths, mut now) = (Deaths::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000));
            let start = now;
            for wait in &waits {
                now += Duration::from_secs(*wait);
                deaths = deaths.with(Danger::Apart, now);
            }
            let elapsed = now.duration_since(start).expect("it is later").as_secs();
            prop_assert!(deaths.of(Danger::Apart) as u64 <= elapsed / BURST.as_secs() + 1);
            prop_assert!(deaths.of(Danger::Apart) > waits.iter().skip(1).filter(|wait| **wait >= BURST.as_secs()).count() || waits.is_empty());
            prop_assert_eq!(Deaths::read(&deaths.written()), deaths);
        }
    }

    #[tokio::test]
    async fn a_message_that_is_begun_and_never_ended_is_deadly_in_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        for deaths in 1..=BEGINNINGS {
            let mut entry = journal.entry(b"message", false);
            let never = entry.begun(async |_: &Entry| std::future::pending::<()>().await);
            assert!(tokio::time::timeout(Duration::ZERO, never).await.is_err());
            let again = journal.entry(b"message", false);
            assert_eq!((again.is_suspect(), again.is_deadly()), (false, deaths == BEGINNINGS));
            age(folder.path(), b"message", BURST);
        }
        let mut entry = journal.entry(b"another", false);
        entry.begun(async |entry: &Entry| entry.dangerously(|| ())).await;
        let again = journal.entry(b"another", false);
        assert!(again.deaths.0.is_empty(), "it came to its end");
    }

    #[test]
    fn how_often_nobody_could_be_told_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        assert_eq!([0; 3].map(|_| journal.entry(b"message", false).strike()), [1, 2, 3]);
        assert_eq!(journal.entry(b"another", false).strike(), 1);
        journal.entry(b"message", false).close();
        assert_eq!(journal.entry(b"message", false).strike(), 1);
    }

    #[test]
    fn nobody_else_reads_the_journal() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, problem) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        let mode = fs::metadata(folder.path().join("id")).expect("a folder").permissions().mode();
        assert_eq!((problem, mode & 0o777), (None, 0o700));
    }

    #[test]
    fn how_far_the_sending_came_is_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        assert_eq!(journal.entry(b"message", false).progress(), None);
        let progress = journal.entry(b"message", false).note(|progress| progress.ask(3));
        assert_eq!(journal.entry(b"message", false).progress(), Some(progress));
        journal.entry(b"message", false).keep_answer("{}");
        assert_eq!(journal.entry(b"message", false).answer().as_deref(), Some("{}"));
        journal.entry(b"message", false).close();
        assert_eq!(journal.entry(b"message", false).answer(), None);
        assert_eq!(journal.entry(b"message", false).progress(), None);
    }

    #[test]
    fn what_was_told_is_remembered_for_a_while() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [folder.path(), Path::new("/proc/nowhere")] {
            let (journal, _) = Journal::open(Some(path), "id").expect("it is safe");
            journal.entry(b"message", false).conclude();
            journal.entry(b"message", false).close();
            assert!(journal.entry(b"message", true).is_concluded() && !journal.entry(b"another", true).is_concluded());
            let (after, _) = Journal::open(Some(path), "id").expect("it is safe");
            assert_eq!(after.entry(b"message", true).is_concluded(), path == folder.path(), "after a crash");
            let later = |time: Duration| Instant::now() + time + Duration::from_secs(1);
            journal.doubt();
            journal.forget(later(UNCERTAIN));
            assert!(journal.entry(b"message", true).is_concluded(), "the broker may not have heard of it");
            journal.entry(b"another", false).conclude();
            journal.forget(later(UNCERTAIN));
            assert!(!journal.entry(b"another", false).is_concluded());
            journal.forget(later(KEPT));
            assert!(!journal.entry(b"message", false).is_concluded());
        }
    }

    #[test]
    fn without_a_folder_what_comes_again_is_suspected() {
        let (journal, problem) = Journal::open(Some(Path::new("/proc/nowhere")), "id").expect("it is safe");
        assert!(problem.is_some());
        assert!(!journal.entry(b"message", false).is_suspect());
        let again = journal.entry(b"message", true);
        assert!(again.is_suspect() && !again.is_deadly());
    }

    #[test]
    fn marks_of_long_ago_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        journal.entry(b"message", false).conclude();
        let file = fs::File::options().write(true).open(folder.path().join("id").join(name(b"message") + ".told"));
        let long_ago = SystemTime::now() - KEPT - Duration::from_secs(60);
        file.and_then(|file| file.set_modified(long_ago)).expect("its time can be set");
        // One that runs on sweeps now and then, and the next does when it starts.
        let path = folder.path().join("id").join(name(b"message") + ".told");
        journal.forget(Instant::now() + Duration::from_secs(60));
        assert!(path.exists());
        journal.forget(Instant::now() + SWEPT);
        assert!(!path.exists());
        fs::File::create(&path).and_then(|file| file.set_modified(long_ago)).expect("a file");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        assert!(!journal.entry(b"message", false).is_concluded() && !path.exists());
    }

    #[test]
    fn a_journal_that_cannot_be_written_is_warned_of_now_and_then() {
        let full = || Err(io::Error::from(io::ErrorKind::StorageFull));
        let (warnings, now) = (Warnings::default(), Instant::now());
        assert!(!warnings.note(Ok(()), now));
        let warned = (0..1200_u64).filter(|second| warnings.note(full(), now + Duration::from_secs(*second)));
        assert_eq!(warned.collect::<Vec<_>>(), [0, 600]);
    }
}
