//! Accounts for every record of a run: counts that add up, reasons, and an outcome of a closed set.

use super::record::Record;
use super::secret::Secrets;
use crate::diagnostic::Diagnostic;
use crate::stix::{Bundle, Observable, RelationshipType, Seen, Tlp};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How a record was accounted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordResult {
    /// It was mapped to one or more relationships.
    Mapped,
    /// It yields no object: the reason, and the index of the rule that states it, if any.
    Dropped(String, Option<usize>),
    /// It has a value that is not of its declared type; the reason.
    Bad(String),
    /// It is outside the requested window of time.
    Outside,
}

/// A relationship that a record was mapped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedRelationship {
    /// Source of the relationship (`source_ref`).
    pub source: Observable,
    /// Type of the relationship (`relationship_type`).
    pub relationship: RelationshipType,
    /// Target of the relationship (`target_ref`).
    pub target: Observable,
    /// Times of the record that the relationship uses.
    pub seen: Seen,
    /// Index of the rule that created it.
    pub rule: usize,
    /// Line of the rule in the profile.
    pub line: usize,
}

/// A record with its location and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Name of the lookup that returned it.
    pub lookup: String,
    /// Number of its page, from 1.
    pub page: u32,
    /// Location on the page, such as `$.results[3]` or `line 4`.
    pub place: String,
    /// Names and typed values of the row's fields.
    pub values: Vec<(String, String)>,
    /// The typed record, unless it is bad.
    pub record: Option<Record>,
    /// How the record was accounted for.
    pub result: RecordResult,
    /// Relationships that the record was mapped to.
    pub links: Vec<TracedRelationship>,
}

/// Numbers of records by result; they add up to those read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Number of records read, in total.
    pub read: u64,
    /// Number of records that were mapped to relationships.
    pub mapped: u64,
    /// Numbers of dropped records by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Numbers of bad records by reason.
    pub bad: BTreeMap<String, u64>,
    /// Number of records outside the requested window.
    pub outside_window: u64,
}

/// Reason for rows that a level, `only` or `except` excludes.
pub(super) const EXCLUDED: &str = "excluded by the lookup";

/// Maximum number of distinct reasons: bad values create their own, and a provider may send millions.
const MAX_REASONS: usize = 100;

impl Counts {
    /// Returns the number of dropped records.
    pub fn dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Returns the number of bad records.
    pub fn bad(&self) -> u64 {
        self.bad.values().sum()
    }

    /// Returns the number of records that the lookup does not exclude.
    pub(super) fn judged(&self) -> u64 {
        self.read - self.dropped.get(EXCLUDED).copied().unwrap_or_default()
    }

    /// Whether the numbers add up to the records read.
    pub fn add_up(&self) -> bool {
        self.read == self.mapped + self.dropped() + self.bad() + self.outside_window
    }

    fn account(&mut self, result: &RecordResult) {
        self.read += 1;
        match result {
            RecordResult::Mapped => self.mapped += 1,
            RecordResult::Dropped(reason, _) => count(&mut self.dropped, reason),
            RecordResult::Bad(reason) => count(&mut self.bad, reason),
            RecordResult::Outside => self.outside_window += 1,
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
        let counts = [
            (self.mapped, "mapped"),
            (self.dropped(), "dropped"),
            (self.bad(), "bad"),
            (self.outside_window, "outside the window"),
        ];
        let parts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if parts.is_empty() { Ok(()) } else { write!(f, ": {}", parts.join(", ")) }
    }
}

/// Kind of outcome of a run; a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeKind {
    /// All lookups are complete and returned records.
    Ok,
    /// All lookups are complete; the provider has no records.
    Empty,
    /// Records were read, but some are missing.
    Partial,
    /// No records were read; retry after a stated time.
    Deferred,
    /// No request was sent: TLP, PAP or scope forbids it.
    Refused,
    /// No records were read, or they are unreliable.
    Failed,
}

impl OutcomeKind {
    /// Returns the kind in lower case, as in transcripts.
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

/// Outcome of a run with its reasons, and when to resume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The kind of outcome.
    pub kind: OutcomeKind,
    /// Reasons why it is not `ok`.
    pub reasons: Vec<String>,
    /// Earliest time at which the run may be retried.
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

/// Result of a run: bundle, outcome, counts and diagnostics.
#[derive(Debug)]
pub struct Report {
    /// Name of the provider, from the profile.
    pub provider: String,
    /// STIX objects that the run created.
    pub bundle: Bundle,
    /// TLP marking of the results.
    pub tlp: Tlp,
    /// Outcome of the run, with its reasons.
    pub outcome: Outcome,
    /// Numbers of records by result.
    pub counts: Counts,
    /// Each record with its result, if requested by [`super::Input::trace`].
    pub trace: Vec<Traced>,
    /// Number of requests sent, successful or not.
    pub requests: u64,
    /// Contradictions between responses and profile, each kind once.
    pub diagnostics: Vec<Diagnostic>,
    /// Secrets of the run, including access tokens, for redaction.
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
    Interrupted,
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

    pub(super) fn interrupted(text: &str) -> Self {
        Self { text: text.to_owned(), kind: FailureKind::Interrupted }
    }
}

/// Accumulates counts, failures and the trace of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) counts: Counts,
    pub(super) requests: u64,
    pub(super) refused: Option<String>,
    /// Number of lookups with usable results.
    pub(super) answered: u32,
    pub(super) failures: Vec<Failure>,
    pub(super) truncated: Vec<String>,
    pub(super) until: Option<Timestamp>,
    pub(super) diagnostics: Vec<Diagnostic>,
    bad_fields: BTreeSet<Option<usize>>,
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
            bad_fields: BTreeSet::new(),
            trace: keeps_trace.then(Vec::new),
        }
    }

    pub(super) fn account(&mut self, result: RecordResult, traced: impl FnOnce(RecordResult) -> Traced) {
        self.counts.account(&result);
        if let Some(trace) = &mut self.trace {
            trace.push(traced(result));
        }
    }

    /// Whether no earlier bad record was caused by this field.
    pub(super) fn is_first(&mut self, field: Option<usize>) -> bool {
        self.bad_fields.insert(field)
    }

    pub(super) fn report(
        self,
        bundle: Bundle,
        tlp: Tlp,
        provider: &str,
        is_interrupted: bool,
        secrets: Secrets,
    ) -> Report {
        assert!(self.counts.add_up(), "the counts of records do not add up");
        let outcome = self.outcome(is_interrupted);
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

    fn outcome(&self, is_interrupted: bool) -> Outcome {
        if let Some(reason) = &self.refused {
            return Outcome { kind: OutcomeKind::Refused, reasons: vec![reason.clone()], until: None };
        }
        let mut reasons: Vec<String> = self.failures.iter().map(|failure| failure.text.clone()).collect();
        reasons.extend(self.truncated.iter().cloned());
        if is_interrupted {
            reasons.push("the run was interrupted".into());
        }
        let has = |kind: FailureKind| self.failures.iter().any(|failure| failure.kind == kind);
        let kind = match (reasons.is_empty(), self.answered > 0 || (is_interrupted && self.counts.read > 0)) {
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
