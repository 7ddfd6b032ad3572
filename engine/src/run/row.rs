//! A row, where it is in the response, and what a response states beside its rows.

use super::extract::Slot;
use crate::plan::{LevelPlan, PathStep};
use serde_json::Value;
use std::fmt;

/// A row that was read.
pub(super) struct Row<'r> {
    /// Its values, or why it is bad.
    pub(super) slots: Result<&'r [Slot<'r>], String>,
    pub(super) location: RowLocation<'r>,
    /// Whether a level excludes it by its key.
    pub(super) is_excluded: bool,
}

impl<'r> Row<'r> {
    pub(super) fn new(slots: Result<&'r [Slot<'r>], String>, location: RowLocation<'r>) -> Self {
        Self { slots, location, is_excluded: false }
    }
}

/// Location of a row in its response.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowLocation<'r> {
    pub(super) levels: &'r [LevelPlan],
    pub(super) path: &'r [RowStep],
    /// Line number, from 1, if rows are lines.
    pub(super) line: Option<usize>,
}

/// One step of the path to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowStep {
    Index(usize),
    Key(String),
}

impl RowLocation<'_> {
    /// Returns the location for display: `$.results[3]`, `line 4`.
    pub(super) fn display(&self) -> String {
        let mut text = self.line.map(|line| format!("line {line}")).unwrap_or_default();
        if self.line.is_none() || !self.path.is_empty() {
            text.push_str(if self.line.is_some() { " $" } else { "$" });
        }
        for (level, step) in self.levels.iter().zip(self.path) {
            text.push_str(&level.at.to_string()[1..]);
            match step {
                RowStep::Index(index) => text.push_str(&format!("[{index}]")),
                RowStep::Key(key) => text.push_str(&format!("['{key}']")),
            }
        }
        text
    }

    /// Returns a JSON Pointer (RFC 6901) into the document; `None` for lines.
    pub(super) fn pointer(&self) -> Option<String> {
        if self.line.is_some() {
            return None;
        }
        let mut text = String::new();
        for (level, step) in self.levels.iter().zip(self.path) {
            text.push_str(&pointer(level.at.steps()));
            match step {
                RowStep::Index(index) => text.push_str(&format!("/{index}")),
                RowStep::Key(key) => text.push_str(&format!("/{}", escaped(key))),
            }
        }
        Some(text)
    }
}

/// The parts of a response outside its rows.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    /// The document, without rows if nothing else reads them; null for lines.
    pub(super) document: Value,
    /// Number of rows at the outermost level.
    pub(super) rows: u64,
    /// How an SAF stream ended.
    pub(super) ending: StreamEnd,
}

/// State of an SAF stream after its last line.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// The framing has no final line.
    #[default]
    Unknown,
    /// `succeeded`: the stream is complete.
    Complete,
    /// `limited`: more records exist.
    Limited,
    /// `failed`: the provider aborted, with its message.
    Failed(String),
    /// The final line is missing.
    Truncated,
    /// The last line is the start of a JSON value.
    Incomplete,
}

/// Why the rows of a response, or the rest of them, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowsError {
    /// The JSON document has no rows at the declared path.
    Shape {
        /// Description of the error.
        reason: String,
        /// JSON Pointer to the last value on the path.
        pointer: String,
        /// Description of that value.
        found: String,
    },
    /// The response is not in the declared framing.
    Syntax {
        /// Description of the error.
        reason: String,
        /// Line number of the error, from 1.
        line: usize,
    },
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { reason, .. } | Self::Syntax { reason, .. } => f.write_str(reason),
        }
    }
}

/// Callback that receives rows.
pub(super) type Sink<'s> = &'s mut dyn FnMut(Row<'_>);

pub(super) fn pointer(steps: &[PathStep]) -> String {
    let part = |step: &PathStep| match step {
        PathStep::Name(name) => format!("/{}", escaped(name)),
        PathStep::Index(index) => format!("/{index}"),
    };
    steps.iter().map(part).collect()
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Returns the JSON type of a value for messages.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn not_an_object(other: &str) -> String {
    format!("invalid row: expected an object, found {other}")
}
