//! Compiled rows: levels that lead to a row, tests of rows, and columns of lines.

use super::compiler::Compiler;
use super::path::Path;
use crate::diagnostic::Code;
use crate::profile::{Framing, LevelKind, Lookup, OneOrMany, Records, RowTest, Scalar, Signal};

/// How a response is divided into rows.
#[derive(Debug)]
pub struct RowsPlan {
    /// Framing of the response body.
    pub framing: Framing,
    /// Levels from the response to a row, outermost first; with line framings, from a line to a row.
    pub levels: Vec<LevelPlan>,
    /// How lines are divided into columns.
    pub columns: Option<ColumnsPlan>,
    /// Tests that a row must pass to be a record.
    pub only: Vec<RowTestPlan>,
    /// Tests that exclude a row.
    pub except: Vec<RowTestPlan>,
}

/// One level on the way to the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelPlan {
    /// Path relative to the level above.
    pub at: Path,
    /// Whether the value is a list or an object.
    pub is: LevelKind,
    /// Keys of an object to visit; empty means all.
    pub keys: Vec<String>,
    /// Whether the value may be absent or null.
    pub optional: bool,
}

/// How lines are divided into columns.
#[derive(Debug)]
pub struct ColumnsPlan {
    /// Separator of columns; a space stands for any white space.
    pub separator: String,
    /// Maximum number of columns; the last contains the rest.
    pub at_most: Option<usize>,
    /// Number of columns, if it is given.
    pub count: Option<usize>,
    /// Whether the first line contains column names.
    pub header: bool,
    /// Character that starts a comment line.
    pub comment: Option<u8>,
}

/// A test of a row's value.
#[derive(Debug)]
pub struct RowTestPlan {
    /// Path of the value, relative to the row.
    pub at: Path,
    /// Values of which one must be equal.
    pub is: Vec<Scalar>,
}

/// A value in a response that signals a state.
#[derive(Debug)]
pub struct SignalPlan {
    /// Position of the value in the response.
    pub place: super::ResponseLocation,
    /// Values of which one must be equal; empty means present.
    pub is: Vec<Scalar>,
}

pub(super) fn rows(compiler: &mut Compiler, lookup: &Lookup, at: &str) -> Option<RowsPlan> {
    let levels = levels(compiler, lookup, at);
    let columns = columns(compiler, lookup, at);
    let only = tests(compiler, &lookup.only, &format!("{at}/only"));
    let except = tests(compiler, &lookup.except, &format!("{at}/except"));
    Some(RowsPlan { framing: lookup.framing, levels: levels?, columns: columns?, only: only?, except: except? })
}

fn levels(compiler: &mut Compiler, lookup: &Lookup, at: &str) -> Option<Vec<LevelPlan>> {
    let place = format!("{at}/records");
    match (&lookup.records, lookup.framing) {
        (Some(Records::List(path)), Framing::Json) => {
            let at = compiler.path(path, &place)?;
            Some(vec![LevelPlan { at, is: LevelKind::List, keys: vec![], optional: false }])
        }
        (Some(Records::Levels(levels)), Framing::Json | Framing::Ndjson | Framing::Saf) => {
            let levels: Vec<_> = levels
                .iter()
                .enumerate()
                .map(|(i, level)| {
                    if !level.keys.is_empty() && level.is != LevelKind::Map {
                        let pointer = format!("{place}/{i}/keys");
                        compiler.error(Code::LevelKeys, &pointer, "`keys` requires `is: map`", "not a `map`");
                    }
                    let at = compiler.path(&level.at, &format!("{place}/{i}/at"))?;
                    Some(LevelPlan { at, is: level.is, keys: level.keys.clone(), optional: level.optional })
                })
                .collect();
            levels.into_iter().collect()
        }
        (None, Framing::Ndjson | Framing::Saf | Framing::Delimited) => Some(vec![]),
        (None, Framing::Json) => {
            let found = compiler.error(Code::RecordsMissing, at, "missing path of the rows", "requires `records`");
            found.notes.push("use `records: $` for a response that is a list".into());
            None
        }
        (Some(_), _) => {
            let word = framing_name(lookup.framing);
            let label = "each line is a row";
            compiler.error(
                Code::RecordsNotUsed,
                &place,
                format!("`records` has no effect with `framing: {word}`"),
                label,
            );
            None
        }
    }
}

fn framing_name(framing: Framing) -> &'static str {
    match framing {
        Framing::Json => "json",
        Framing::Ndjson => "ndjson",
        Framing::Saf => "saf",
        Framing::Delimited => "delimited",
    }
}

fn columns(compiler: &mut Compiler, lookup: &Lookup, at: &str) -> Option<Option<ColumnsPlan>> {
    match (&lookup.columns, lookup.framing) {
        (Some(columns), Framing::Delimited) => {
            let separator = columns.separator.replace("\\t", "\t");
            if separator.contains(['"', '\n', '\r']) {
                let pointer = format!("{at}/columns/separator");
                let label = "quotes enclose the text of a column";
                compiler.error(
                    Code::ColumnSeparator,
                    &pointer,
                    "invalid separator: quotes and line breaks are not permitted",
                    label,
                );
                return None;
            }
            let comment = columns.comment.as_deref().and_then(|text| text.bytes().next());
            let at_most = columns.at_most.map(|most| most as usize);
            let count = columns.count.map(|count| count as usize);
            Some(Some(ColumnsPlan { separator, at_most, count, header: columns.header, comment }))
        }
        (None, Framing::Delimited) => {
            let label = "requires `columns`";
            compiler.error(Code::ColumnsMissing, at, "missing columns for `framing: delimited`", label);
            None
        }
        (Some(_), framing) => {
            let message = format!("`columns` has no effect with `framing: {}`", framing_name(framing));
            let pointer = format!("{at}/columns");
            compiler.error(Code::ColumnsNotUsed, &pointer, message, "only for `framing: delimited`");
            None
        }
        (None, _) => Some(None),
    }
}

fn tests(compiler: &mut Compiler, tests: &[RowTest], at: &str) -> Option<Vec<RowTestPlan>> {
    let tests: Vec<_> = tests
        .iter()
        .enumerate()
        .map(|(i, test)| {
            let at = compiler.path(&test.at, &format!("{at}/{i}/at"))?;
            Some(RowTestPlan { at, is: values(&test.is) })
        })
        .collect();
    tests.into_iter().collect()
}

fn values(values: &OneOrMany<Scalar>) -> Vec<Scalar> {
    values.iter().map(|(_, value)| value.clone()).collect()
}

pub(super) fn signal(compiler: &mut Compiler, signal: Option<&Signal>, at: &str) -> Option<Option<SignalPlan>> {
    let Some(signal) = signal else { return Some(None) };
    let body = compiler.optional_path(signal.at.as_ref(), &format!("{at}/at"))?;
    let header = match &signal.header {
        Some(name) => Some(compiler.header_name(name, compiler.span(&format!("{at}/header")))?),
        None => None,
    };
    let place = match (body, header) {
        (Some(path), None) => super::ResponseLocation::Body(path),
        (None, Some(name)) => super::ResponseLocation::Header(name),
        _ => {
            compiler.error(
                Code::SignalPlace,
                at,
                "ambiguous or missing position of a signal",
                "requires either `at` or `header`",
            );
            return None;
        }
    };
    Some(Some(SignalPlan { place, is: signal.is.clone() }))
}
