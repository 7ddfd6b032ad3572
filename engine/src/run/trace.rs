//! What became of each record and of the run: counts that add up, reasons, and one outcome of a closed set.

use super::record::Record;
use super::secret::Secrets;
use crate::diagnostic::Diagnostic;
use crate::stix::{Bundle, Observable, RelationshipType, Seen, Tlp};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It became one or more relationships.
    Mapped,
    /// It became nothing, and why; by which rule, if one says so.
    Dropped(String, Option<usize>),
    /// It could not be read, and why.
    Bad(String),
    /// It is older than the window.
    Outside,
}

/// A relationship that a record became, or was added to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// From.
    pub source: Observable,
    /// What it says.
    pub relationship: RelationshipType,
    /// To.
    pub target: Observable,
    /// When the record was seen, as far as the relationship tells.
    pub seen: Seen,
    /// The rule's number, from 0.
    pub rule: usize,
    /// Its line in the profile.
    pub line: usize,
}

/// A record and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// The lookup that found it.
    pub lookup: String,
    /// The page it stood on, from 1.
    pub page: u32,
    /// Where on the page.
    pub place: String,
    /// The row's fields, as they were read.
    pub values: Vec<(String, String)>,
    /// What it says, unless it could not be read.
    pub record: Option<Record>,
    /// What became of it.
    pub fate: Fate,
    /// The relationships it became.
    pub links: Vec<Link>,
}

/// How many records were read, and what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All of them.
    pub read: u64,
    /// Those that became relationships.
    pub mapped: u64,
    /// Those that became nothing, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Those that could not be read, by reason.
    pub bad: BTreeMap<String, u64>,
    /// Those older than the window.
    pub outside_window: u64,
}

/// Why a row is no record that a level, `only` or `except` leaves out.
pub(super) const LEFT_OUT: &str = "the lookup leaves rows like it out";

/// How many different reasons are told apart; bad values make reasons of their own, and a provider may send millions.
const MAX_REASONS: usize = 100;

impl Counts {
    /// How many were dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// How many were bad.
    pub fn bad(&self) -> u64 {
        self.bad.values().sum()
    }

    /// How many can be good or bad: all but those that the lookup leaves out.
    pub(super) fn judged(&self) -> u64 {
        self.read - self.dropped.get(LEFT_OUT).copied().unwrap_or_default()
    }

    /// Whether every record that was read is accounted for.
    pub fn add_up(&self) -> bool {
        self.read == self.mapped + self.dropped() + self.bad() + self.outside_window
    }

    fn note(&mut self, fate: &Fate) {
        self.read += 1;
        match fate {
            Fate::Mapped => self.mapped += 1,
            Fate::Dropped(reason, _) => count(&mut self.dropped, reason),
            Fate::Bad(reason) => count(&mut self.bad, reason),
            Fate::Outside => self.outside_window += 1,
        }
    }
}

fn count(reasons: &mut BTreeMap<String, u64>, reason: &str) {
    if let Some(count) = reasons.get_mut(reason) {
        *count += 1;
        return;
    }
    let reason = if reasons.len() < MAX_REASONS { reason } else { "other reasons" };
    *reasons.entry(reason.to_owned()).or_default() += 1;
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.read == 1 { "" } else { "s" };
        write!(f, "{} record{plural}", self.read)?;
        let parts = [
            (self.mapped, "mapped"),
            (self.dropped(), "dropped"),
            (self.bad(), "bad"),
            (self.outside_window, "outside the window"),
        ];
        let told: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if told.is_empty() { Ok(()) } else { write!(f, ": {}", told.join(", ")) }
    }
}

/// How a run ended: one closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeKind {
    /// Everything was asked and read.
    Ok,
    /// Everything was asked; the provider knows nothing.
    Empty,
    /// Something was read, and something is missing.
    Partial,
    /// Nothing was read; it may be asked again later.
    Deferred,
    /// Nothing was asked: the observable may not be sent, or the provider has no use for it.
    Refused,
    /// Nothing was read, or what was read cannot be believed.
    Failed,
}

impl OutcomeKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Empty => "empty",
            Self::Partial => "partial",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// How a run ended, why, and when to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// How.
    pub kind: OutcomeKind,
    /// Why it is not `ok`.
    pub reasons: Vec<String>,
    /// When the provider may be asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if let Some(until) = self.until {
            write!(f, " until {}", crate::stix::stix_time(until))?;
        }
        if self.reasons.is_empty() { Ok(()) } else { write!(f, ": {}", self.reasons.join("; ")) }
    }
}

/// What a run leaves.
#[derive(Debug)]
pub struct Report {
    /// The provider's name.
    pub provider: String,
    /// What was found.
    pub bundle: Bundle,
    /// How it is marked.
    pub tlp: Tlp,
    /// How it ended.
    pub outcome: Outcome,
    /// What became of the records, in numbers.
    pub counts: Counts,
    /// What became of each record, where that was asked for.
    pub trace: Vec<Traced>,
    /// How many requests were answered, or failed.
    pub requests: u64,
    /// Where the answers and the profile disagree, each kind once.
    pub diagnostics: Vec<Diagnostic>,
    /// What the run knew that nobody else may learn, also the tokens it was given.
    pub secrets: Secrets,
}

/// Why a lookup, or the run, ended early.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) text: String,
    pub(super) kind: FailureKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    Lookup,
    Stop,
    Deferred,
    Cut,
}

impl Failure {
    pub(super) fn lookup(text: String) -> Self {
        Self { text, kind: FailureKind::Lookup }
    }

    pub(super) fn stop(text: String) -> Self {
        Self { text, kind: FailureKind::Stop }
    }

    pub(super) fn deferred(text: String) -> Self {
        Self { text, kind: FailureKind::Deferred }
    }

    pub(super) fn cut(text: &str) -> Self {
        Self { text: text.to_owned(), kind: FailureKind::Cut }
    }
}

/// The books of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) counts: Counts,
    pub(super) requests: u64,
    pub(super) refused: Option<String>,
    /// Lookups that gave something to keep.
    pub(super) answered: u32,
    pub(super) failures: Vec<Failure>,
    pub(super) truncated: Vec<String>,
    pub(super) until: Option<Timestamp>,
    pub(super) diagnostics: Vec<Diagnostic>,
    blamed: BTreeSet<Option<usize>>,
    trace: Option<Vec<Traced>>,
}

impl Ledger {
    pub(super) fn new(keeps_trace: bool) -> Self {
        Self {
            counts: Counts::default(),
            requests: 0,
            refused: None,
            answered: 0,
            failures: vec![],
            truncated: vec![],
            until: None,
            diagnostics: vec![],
            blamed: BTreeSet::new(),
            trace: keeps_trace.then(Vec::new),
        }
    }

    pub(super) fn note(&mut self, fate: Fate, traced: impl FnOnce(Fate) -> Traced) {
        self.counts.note(&fate);
        if let Some(trace) = &mut self.trace {
            trace.push(traced(fate));
        }
    }

    /// Whether the field to blame for a bad record is blamed for the first time.
    pub(super) fn is_news(&mut self, field: Option<usize>) -> bool {
        self.blamed.insert(field)
    }

    pub(super) fn report(self, bundle: Bundle, tlp: Tlp, provider: &str, unfinished: bool, secrets: Secrets) -> Report {
        assert!(self.counts.add_up(), "every record is accounted for");
        let outcome = self.outcome(unfinished);
        Report {
            provider: provider.to_owned(),
            bundle,
            tlp,
            outcome,
            counts: self.counts,
            trace: self.trace.unwrap_or_default(),
            requests: self.requests,
            diagnostics: self.diagnostics,
            secrets,
        }
    }

    fn outcome(&self, unfinished: bool) -> Outcome {
        if let Some(reason) = &self.refused {
            return Outcome { kind: OutcomeKind::Refused, reasons: vec![reason.clone()], until: None };
        }
        let mut reasons: Vec<String> = self.failures.iter().map(|failure| failure.text.clone()).collect();
        reasons.extend(self.truncated.iter().cloned());
        if unfinished {
            reasons.push("the run was interrupted".into());
        }
        let has = |kind: FailureKind| self.failures.iter().any(|failure| failure.kind == kind);
        let kind = match (reasons.is_empty(), self.answered > 0 || (unfinished && self.counts.read > 0)) {
            (true, _) if self.counts.read == 0 => OutcomeKind::Empty,
            (true, _) => OutcomeKind::Ok,
            (false, true) => OutcomeKind::Partial,
            (false, false) if has(FailureKind::Stop) || has(FailureKind::Lookup) => OutcomeKind::Failed,
            (false, false) if has(FailureKind::Deferred) => OutcomeKind::Deferred,
            (false, false) => OutcomeKind::Failed,
        };
        Outcome { kind, reasons, until: self.until }
    }
}
