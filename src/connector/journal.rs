//! Journal: state of deliveries that survives a restart. Files per message hold the progress, the final report, a playbook
//! answer that is not accepted yet, and the marks of crashes.
//!
//! A mark is written before work whose cost depends on the message, and removed after it. A mark that is found later means that
//! the process died meanwhile, by a crash or a kill from outside. The message is then *suspect*, and its response is mapped in a
//! sandbox first; a signal that kills the sandbox proves a crash. If the connector itself dies too often, the message is *fatal*
//! and is no longer processed. MultilineError deaths within a minute count as one, since an operator or a host without memory causes
//! such series. If no file can be written, every redelivered message is suspect.

use super::log::{Log, with_reason};
use super::work_counters::Progress;
use crate::files::{Bound, State, StateError};
use sha1::{Digest, Sha1};
use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Deaths while a response is mapped in the connector, after the sandbox survived it, that make a message fatal.
const MAX_MAPPING_DEATHS: usize = 3;

/// Deaths within this time count as one: a fatal message causes deaths for hours, a host that runs out of memory or is restarted
/// causes a short series.
const BURST: Duration = Duration::from_secs(60);

/// Deaths while a sandbox runs that make a message fatal: more, since a kill from outside falls into this longer time more often.
const MAX_SANDBOX_DEATHS: usize = 5;

/// Deaths during any other processing that make a message fatal: most of the time is spent there.
const MAX_PROCESSING_DEATHS: usize = 20;

/// Age at which files are deleted.
const RETENTION: Duration = Duration::from_secs(7 * 86_400);

/// Interval between two searches for old files, also those of earlier processes.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// Minimum interval between two warnings that the journal cannot be written.
const WARNING_INTERVAL: Duration = Duration::from_secs(600);

/// Time for which a reported message is remembered. A connection to the broker that is still open after that has delivered the
/// acknowledgement; a worker that waits for an HTTP response has given up.
const REPORTED_RETENTION: Duration = Duration::from_secs(600);

/// Journal of one connector. Without a writable folder, it lives in memory only.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    folder: Option<Arc<State>>,
    reported: Arc<Mutex<ReportedMessages>>,
    warnings: Arc<Warnings>,
}

/// Warns that the journal cannot be written, at most once per `WARNING_INTERVAL`.
#[derive(Debug, Default)]
struct Warnings {
    log: Option<Log>,
    last: Mutex<Option<Instant>>,
}

impl Warnings {
    /// Logs a failure to write, unless one was logged recently. Returns whether it logged.
    fn warn_on_error(&self, result: io::Result<()>, now: Instant) -> bool {
        let Err(error) = result else { return false };
        let mut last = locked(&self.last);
        if last.is_some_and(|last| now.saturating_duration_since(last) < WARNING_INTERVAL) {
            return false;
        }
        *last = Some(now);
        if let Some(log) = &self.log {
            log.warn_always("Cannot write the journal; deliveries may be repeated after a crash", with_reason(error));
        }
        true
    }
}

/// Names of the messages that were reported, with the time at which each is forgotten.
#[derive(Debug, Default)]
struct ReportedMessages {
    names: HashSet<String>,
    until: BTreeSet<(Instant, String)>,
    /// Time of the last search for old files.
    swept: Option<Instant>,
}

/// Journal entry of one message.
#[derive(Debug)]
pub(super) struct Entry {
    name: String,
    folder: Option<Arc<State>>,
    reported: Arc<Mutex<ReportedMessages>>,
    warnings: Arc<Warnings>,
    is_redelivered: bool,
    deaths: Deaths,
    progress: Mutex<Option<Progress>>,
}

/// Deaths of the process while it processed the message, one mark each, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Deaths(Vec<AttemptMark>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AttemptMark {
    phase: u8,
    /// Start of the phase, in seconds since 1970.
    at: u64,
}

impl Deaths {
    /// Parses marks; a truncated last line is ignored.
    fn parse(bytes: &[u8]) -> Deaths {
        let mark = |line: &[u8]| {
            let (phase, at) = line.split_first()?;
            Some(AttemptMark { phase: *phase, at: std::str::from_utf8(at).ok()?.parse().ok()? })
        };
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        Deaths(lines.filter_map(mark).collect())
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|mark| format!("{}{}\n", char::from(mark.phase), mark.at).into_bytes()).collect()
    }

    fn with(&self, phase: Phase, now: SystemTime) -> Deaths {
        let at = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Deaths(self.0.iter().copied().chain([AttemptMark { phase: phase as u8, at }]).collect())
    }

    fn has(&self, phase: Phase) -> bool {
        self.0.iter().any(|mark| mark.phase == phase as u8)
    }

    /// Counts the deaths in a phase; those of one burst count once.
    fn count(&self, phase: Phase) -> usize {
        let mut last: Option<u64> = None;
        let mut count = 0;
        for mark in self.0.iter().filter(|mark| mark.phase == phase as u8) {
            // `abs_diff`, as the clock may have been set back.
            if last.is_none_or(|last| mark.at.abs_diff(last) >= BURST.as_secs()) {
                (last, count) = (Some(mark.at), count + 1);
            }
        }
        count
    }
}

/// Phase of processing that the process may die in.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Phase {
    /// The response is read and mapped in this process.
    Mapping = b'h',
    /// The response is mapped in a sandbox, which shares the memory of the host.
    Sandbox = b'a',
    /// Everything else.
    Processing = b'b',
}

impl Journal {
    /// Opens the journal. The second value says why there is none.
    ///
    /// # Errors
    /// Fails if other users can write the folder, since its content is trusted.
    pub(super) fn open(path: Option<&Path>, connector: &str) -> anyhow::Result<(Journal, Option<String>)> {
        let none = |why: String| Ok((Journal::default(), Some(why)));
        let Some(path) = path else {
            return none("no default folder; set CONNECTOR_JOURNAL_PATH".to_owned());
        };
        let sanitize = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        match State::open(path, &connector.chars().map(sanitize).collect::<String>()) {
            Ok(state) => {
                let journal = Journal { folder: Some(state.into()), ..Journal::default() };
                journal.expire(Instant::now());
                Ok((journal, None))
            }
            Err(StateError::Unwritable(error)) => none(format!("failed to write {}: {error}", path.display())),
            Err(StateError::Unsafe(why)) => anyhow::bail!("unsafe CONNECTOR_JOURNAL_PATH: {why}"),
        }
    }

    /// Sets the log for warnings.
    pub(super) fn warn_in(&mut self, log: Log) {
        self.warnings = Arc::new(Warnings { log: Some(log), last: Mutex::default() });
    }

    /// Returns the entry of a message, identified by its body.
    pub(super) fn entry(&self, body: &[u8], is_redelivered: bool) -> Entry {
        self.expire(Instant::now());
        self.load(name(body), is_redelivered)
    }

    /// Returns the works whose processing began before a time and was never reported, with their entries.
    pub(super) fn unreported_works(&self, before: SystemTime) -> Vec<(String, Entry)> {
        let Some(folder) = &self.folder else { return vec![] };
        let names = folder.older(before, |file| is_own(file) && file.ends_with(".work")).unwrap_or_default();
        let names = names.iter().filter_map(|file| file.strip_suffix(".work"));
        let entries = names.map(|name| self.load(name.to_owned(), true)).filter(|entry| !entry.is_reported());
        entries.filter_map(|entry| Some((String::from_utf8(entry.read("work")?).ok()?, entry))).collect()
    }

    fn load(&self, name: String, is_redelivered: bool) -> Entry {
        let folder = self.folder.clone();
        let deaths = match &folder {
            Some(folder) => Deaths::parse(&folder.read(&name, Bound::OWN).unwrap_or_default()),
            None if is_redelivered => Deaths::default().with(Phase::Mapping, SystemTime::now()),
            None => Deaths::default(),
        };
        let sent = folder.as_ref().and_then(|folder| folder.read(&file_name(&name, "sent"), Bound::OWN).ok());
        let progress = sent.and_then(|text| serde_json::from_slice(&text).ok());
        Entry {
            name,
            folder,
            reported: Arc::clone(&self.reported),
            warnings: Arc::clone(&self.warnings),
            is_redelivered,
            deaths,
            progress: Mutex::new(progress),
        }
    }
}

impl Journal {
    /// Extends the retention of recently reported messages after a broken connection: their acknowledgements may be lost.
    pub(super) fn extend_retention(&self) {
        let now = Instant::now();
        let mut reported = locked(&self.reported);
        // Not twice for the same message.
        let extended = |until| if until > now + REPORTED_RETENTION { until } else { now + RETENTION };
        reported.until =
            std::mem::take(&mut reported.until).into_iter().map(|(until, name)| (extended(until), name)).collect();
    }

    /// Deletes old files and forgets messages whose retention is over.
    fn expire(&self, now: Instant) {
        let mut reported = locked(&self.reported);
        if reported.swept.is_none_or(|last| now.saturating_duration_since(last) >= SWEEP_INTERVAL) {
            reported.swept = Some(now);
            // Files that cannot be removed do no harm.
            let _ = self.folder.as_ref().map(|folder| folder.sweep(SystemTime::now() - RETENTION, is_own));
        }
        while reported.until.first().is_some_and(|(until, _)| *until < now) {
            let Some((_, name)) = reported.until.pop_first() else { return };
            if let Some(folder) = &self.folder {
                // It may have been removed already.
                let _ = folder.remove(&file_name(&name, "done"));
            }
            reported.names.remove(&name);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the name of a message: the SHA-1 digest of its body in hexadecimal.
pub(super) fn name(body: &[u8]) -> String {
    Sha1::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the file name of one part of an entry.
fn file_name(name: &str, what: &str) -> String {
    format!("{name}.{what}")
}

/// Returns whether a file belongs to an entry; the sweep removes no other files.
fn is_own(file: &str) -> bool {
    let (name, what) = file.split_once('.').unwrap_or((file, ""));
    let is_name = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_name && ["", "sent", "answer", "failed", "done", "work", "half"].contains(&what)
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the message may have been delivered before, to any consumer.
    pub(super) fn is_redelivered(&self) -> bool {
        self.is_redelivered
    }

    /// Returns whether the process died while the message's response was mapped.
    pub(super) fn is_suspect(&self) -> bool {
        self.deaths.has(Phase::Mapping) || self.deaths.has(Phase::Sandbox)
    }

    /// Returns whether the process died too often to blame anything but the message.
    pub(super) fn is_fatal(&self) -> bool {
        let limits = [
            (Phase::Mapping, MAX_MAPPING_DEATHS),
            (Phase::Sandbox, MAX_SANDBOX_DEATHS),
            (Phase::Processing, MAX_PROCESSING_DEATHS),
        ];
        limits.into_iter().any(|(phase, limit)| self.deaths.count(phase) >= limit)
    }

    /// Processes the message with a mark that remains if the process dies.
    pub(super) async fn track<T>(&mut self, work: impl AsyncFnOnce(&Entry) -> T) -> T {
        self.deaths = self.deaths.with(Phase::Processing, SystemTime::now());
        self.write(&self.deaths);
        let result = work(self).await;
        self.deaths.0.pop();
        self.write(&self.deaths);
        result
    }

    /// Runs work whose memory and time depend on the message, with a mark that remains if the process dies.
    pub(super) fn guarded<T>(&self, work: impl FnOnce() -> T) -> T {
        self.mark(Phase::Mapping);
        let result = work();
        self.clear_mark();
        result
    }

    /// Waits for a sandbox with a mark that remains if this process dies.
    pub(super) async fn sandboxed<T>(&self, work: impl Future<Output = T>) -> T {
        // The mark is also cleared when the future is dropped.
        struct ClearOnDrop<'e>(&'e Entry);
        impl Drop for ClearOnDrop<'_> {
            fn drop(&mut self) {
                self.0.clear_mark();
            }
        }
        self.mark(Phase::Sandbox);
        let _clear = ClearOnDrop(self);
        work.await
    }

    fn mark(&self, phase: Phase) {
        self.write(&self.deaths.with(phase, SystemTime::now()));
    }

    fn clear_mark(&self) {
        self.write(&self.deaths);
    }

    fn write(&self, deaths: &Deaths) {
        let Some(folder) = &self.folder else { return };
        // If this fails, a fatal message is processed once more.
        match deaths.0.is_empty() {
            // The file may not exist.
            true => drop(folder.remove(&self.name)),
            false => drop(self.warnings.warn_on_error(folder.write(&self.name, &deaths.to_bytes()), Instant::now())),
        }
    }

    /// Returns the progress of the delivery, if it was begun.
    pub(super) fn progress(&self) -> Option<Progress> {
        locked(&self.progress).clone()
    }

    /// Changes, stores and returns the progress of the delivery.
    pub(super) fn update(&self, change: impl FnOnce(&mut Progress)) -> Progress {
        let mut held = locked(&self.progress);
        let progress = held.get_or_insert_default();
        change(progress);
        // If this fails and the process dies, steps are repeated; nothing is lost.
        self.put("sent", &serde_json::to_vec(progress).expect("it is JSON"));
        progress.clone()
    }

    /// Counts a report that the platform failed to store. Returns the number of failures so far.
    pub(super) fn count_failure(&self) -> usize {
        let failures = self.read("failed").unwrap_or_default().len() + 1;
        self.put("failed", &vec![b'f'; failures]);
        failures
    }

    /// Stores the answer to a playbook until the platform accepts it.
    pub(super) fn keep_answer(&self, answer: &str) {
        self.put("answer", answer.as_bytes());
    }

    /// Returns the answer to a playbook that the platform did not accept before.
    pub(super) fn answer(&self) -> Option<String> {
        String::from_utf8(self.read("answer")?).ok()
    }

    /// Stores the id of the work, which must be reported even if the message is not redelivered.
    pub(super) fn register_work(&self, work: &str) {
        self.put("work", work.as_bytes());
    }

    /// Records that the result was reported; the delivery may not be acknowledged yet.
    pub(super) fn mark_reported(&self) {
        self.put("done", b"");
        if let Some(folder) = &self.folder {
            // Playbook messages have no work.
            let _ = folder.remove(&file_name(&self.name, "work"));
        }
        let mut reported = locked(&self.reported);
        reported.until.insert((Instant::now() + REPORTED_RETENTION, self.name.clone()));
        reported.names.insert(self.name.clone());
    }

    /// Returns whether the message was reported before.
    pub(super) fn is_reported(&self) -> bool {
        let has_mark = || self.folder.as_ref().is_some_and(|folder| folder.has(&file_name(&self.name, "done")));
        locked(&self.reported).names.contains(&self.name) || has_mark()
    }

    /// Writes a file atomically, so that it is never read when truncated.
    fn put(&self, what: &str, text: &[u8]) {
        if let Some(folder) = &self.folder {
            let result = folder.put(&file_name(&self.name, what), &file_name(&self.name, "half"), text);
            self.warnings.warn_on_error(result, Instant::now());
        }
    }

    fn read(&self, what: &str) -> Option<Vec<u8>> {
        self.folder.as_ref()?.read(&file_name(&self.name, what), Bound::OWN).ok()
    }

    /// Removes the files of an acknowledged message, except the one that says that it was reported.
    pub(super) fn close(&self) {
        if let Some(folder) = &self.folder {
            // The files may not exist.
            let _ = folder.remove(&self.name);
            ["sent", "answer", "failed", "work"]
                .iter()
                .for_each(|what| drop(folder.remove(&file_name(&self.name, what))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// Moves the marks of a message into the past.
    fn age(folder: &Path, body: &[u8], by: Duration) {
        let path = folder.join("id").join(name(body));
        let Deaths(mut marks) = Deaths::parse(&fs::read(&path).unwrap_or_default());
        marks.iter_mut().for_each(|mark| mark.at -= by.as_secs());
        if !marks.is_empty() {
            fs::write(path, Deaths(marks).to_bytes()).expect("it can be written");
        }
    }

    #[test]
    fn message_is_suspect_only_after_death_while_mapping() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, problem) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        assert_eq!(problem, None);
        let entry = journal.entry(b"message", false);
        assert_eq!(entry.guarded(|| 7), 7);
        assert!(!journal.entry(b"message", false).is_suspect(), "no death");
        for deaths in 1..=MAX_MAPPING_DEATHS {
            let entry = journal.entry(b"message", false);
            let died = std::panic::catch_unwind(|| entry.guarded(|| panic!("simulated death")));
            assert!(died.is_err() && journal.entry(b"message", false).is_suspect());
            assert_eq!(journal.entry(b"message", false).is_fatal(), deaths == MAX_MAPPING_DEATHS);
            journal.entry(b"message", false).guarded(|| ());
            assert!(journal.entry(b"message", false).is_suspect(), "a later success does not clear the mark");
            age(folder.path(), b"message", BURST);
        }
        assert!(!journal.entry(b"another", false).is_suspect());
        journal.entry(b"message", false).close();
        assert!(!journal.entry(b"message", false).is_suspect());
    }

    #[tokio::test]
    async fn repeated_deaths_while_in_sandbox_are_fatal() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        for deaths in 1..=MAX_SANDBOX_DEATHS {
            let entry = journal.entry(b"message", false);
            // Leaked: as after a death, the mark is not cleared.
            let never = Box::leak(Box::new(Box::pin(entry.sandboxed(std::future::pending::<()>()))));
            assert!(tokio::time::timeout(Duration::ZERO, never).await.is_err());
            assert_eq!(journal.entry(b"message", false).is_fatal(), deaths == MAX_SANDBOX_DEATHS);
            age(folder.path(), b"message", BURST);
        }
    }

    #[tokio::test]
    async fn deaths_within_a_minute_are_not_fatal() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        for _ in 0..50 {
            let mut entry = journal.entry(b"message", false);
            let killed = entry.track(async |entry: &Entry| {
                let killed = entry.sandboxed(std::future::pending::<()>());
                let killed = Box::leak(Box::new(Box::pin(killed)));
                assert!(tokio::time::timeout(Duration::ZERO, killed).await.is_err());
                std::future::pending::<()>().await;
            });
            assert!(tokio::time::timeout(Duration::ZERO, killed).await.is_err());
        }
        let again = journal.entry(b"message", true);
        assert!(again.is_suspect() && !again.is_fatal());
    }

    #[test]
    fn unreported_work_is_found_after_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        ["one", "two", "three"].iter().for_each(|body| journal.entry(body.as_bytes(), false).register_work(body));
        let later = || SystemTime::now() + Duration::from_secs(1);
        journal.entry(b"one", false).mark_reported();
        journal.entry(b"two", false).close();
        let (after, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        let unreported = after.unreported_works(later());
        assert_eq!(unreported.iter().map(|(work, _)| work.as_str()).collect::<Vec<_>>(), ["three"]);
        assert!(
            after.unreported_works(SystemTime::now() - Duration::from_secs(60)).is_empty(),
            "another consumer may process it"
        );
    }

    proptest! {
        /// Deaths within a minute count once, and deaths further apart each.
        #[test]
        fn deaths_count_once_per_minute(waits in proptest::collection::vec(0..200_u64, 0..40)) {
            let (mut deaths, mut now) = (Deaths::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000));
            let start = now;
            for wait in &waits {
                now += Duration::from_secs(*wait);
                deaths = deaths.with(Phase::Sandbox, now);
            }
            let elapsed = now.duration_since(start).expect("it is later").as_secs();
            prop_assert!(deaths.count(Phase::Sandbox) as u64 <= elapsed / BURST.as_secs() + 1);
            prop_assert!(deaths.count(Phase::Sandbox) > waits.iter().skip(1).filter(|wait| **wait >= BURST.as_secs()).count() || waits.is_empty());
            prop_assert_eq!(Deaths::parse(&deaths.to_bytes()), deaths);
        }
    }

    #[tokio::test]
    async fn repeated_deaths_while_processing_are_fatal() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        for deaths in 1..=MAX_PROCESSING_DEATHS {
            let mut entry = journal.entry(b"message", false);
            let never = entry.track(async |_: &Entry| std::future::pending::<()>().await);
            assert!(tokio::time::timeout(Duration::ZERO, never).await.is_err());
            let again = journal.entry(b"message", false);
            assert_eq!((again.is_suspect(), again.is_fatal()), (false, deaths == MAX_PROCESSING_DEATHS));
            age(folder.path(), b"message", BURST);
        }
        let mut entry = journal.entry(b"another", false);
        entry.track(async |entry: &Entry| entry.guarded(|| ())).await;
        let again = journal.entry(b"another", false);
        assert!(again.deaths.0.is_empty(), "processing ended");
    }

    #[test]
    fn report_failures_are_counted_until_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        assert_eq!([0; 3].map(|_| journal.entry(b"message", false).count_failure()), [1, 2, 3]);
        assert_eq!(journal.entry(b"another", false).count_failure(), 1);
        journal.entry(b"message", false).close();
        assert_eq!(journal.entry(b"message", false).count_failure(), 1);
    }

    #[test]
    fn folder_is_accessible_to_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, problem) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        let mode = fs::metadata(folder.path().join("id")).expect("a folder").permissions().mode();
        assert_eq!((problem, mode & 0o777), (None, 0o700));
    }

    #[test]
    fn progress_and_answer_survive_until_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        assert_eq!(journal.entry(b"message", false).progress(), None);
        let progress = journal.entry(b"message", false).update(|progress| progress.request(3));
        assert_eq!(journal.entry(b"message", false).progress(), Some(progress));
        journal.entry(b"message", false).keep_answer("{}");
        assert_eq!(journal.entry(b"message", false).answer().as_deref(), Some("{}"));
        journal.entry(b"message", false).close();
        assert_eq!(journal.entry(b"message", false).answer(), None);
        assert_eq!(journal.entry(b"message", false).progress(), None);
    }

    #[test]
    fn reported_message_is_remembered_until_retention_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [folder.path(), Path::new("/proc/nowhere")] {
            let (journal, _) = Journal::open(Some(path), "id").expect("it is safe");
            journal.entry(b"message", false).mark_reported();
            journal.entry(b"message", false).close();
            assert!(journal.entry(b"message", true).is_reported() && !journal.entry(b"another", true).is_reported());
            let (after, _) = Journal::open(Some(path), "id").expect("it is safe");
            assert_eq!(after.entry(b"message", true).is_reported(), path == folder.path(), "after a crash");
            let later = |time: Duration| Instant::now() + time + Duration::from_secs(1);
            journal.extend_retention();
            journal.expire(later(REPORTED_RETENTION));
            assert!(journal.entry(b"message", true).is_reported(), "the acknowledgement may be lost");
            journal.entry(b"another", false).mark_reported();
            journal.expire(later(REPORTED_RETENTION));
            assert!(!journal.entry(b"another", false).is_reported());
            journal.expire(later(RETENTION));
            assert!(!journal.entry(b"message", false).is_reported());
        }
    }

    #[test]
    fn redelivered_message_without_folder_is_suspect() {
        let (journal, problem) = Journal::open(Some(Path::new("/proc/nowhere")), "id").expect("it is safe");
        assert!(problem.is_some());
        assert!(!journal.entry(b"message", false).is_suspect());
        let again = journal.entry(b"message", true);
        assert!(again.is_suspect() && !again.is_fatal());
    }

    #[test]
    fn old_files_are_swept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        journal.entry(b"message", false).mark_reported();
        let file = fs::File::options().write(true).open(folder.path().join("id").join(name(b"message") + ".done"));
        let long_ago = SystemTime::now() - RETENTION - Duration::from_secs(60);
        file.and_then(|file| file.set_modified(long_ago)).expect("its time can be set");
        // Swept at intervals, and at the next start.
        let path = folder.path().join("id").join(name(b"message") + ".done");
        journal.expire(Instant::now() + Duration::from_secs(60));
        assert!(path.exists());
        journal.expire(Instant::now() + SWEEP_INTERVAL);
        assert!(!path.exists());
        fs::File::create(&path).and_then(|file| file.set_modified(long_ago)).expect("a file");
        let (journal, _) = Journal::open(Some(folder.path()), "id").expect("it is safe");
        assert!(!journal.entry(b"message", false).is_reported() && !path.exists());
    }

    #[test]
    fn write_failures_are_logged_at_intervals() {
        let full = || Err(io::Error::from(io::ErrorKind::StorageFull));
        let (warnings, now) = (Warnings::default(), Instant::now());
        assert!(!warnings.warn_on_error(Ok(()), now));
        let logged = (0..1200_u64).filter(|second| warnings.warn_on_error(full(), now + Duration::from_secs(*second)));
        assert_eq!(logged.collect::<Vec<_>>(), [0, 600]);
    }
}
