//! Reads the rows of a JSON tree level by level, for profiles that read values around a row.

use super::extract::{REPEATED_KEY, Slot};
use super::prune::is_marked;
use super::reader::{Origin, Reader};
use super::row::{Row, RowLocation, RowStep, RowsError, Sink, pointer};
use super::row::{kind_of, not_an_object};
use crate::plan::{LevelPlan, Path, PathStep};
use crate::profile::LevelKind;
use serde_json::Value;
use std::borrow::Cow;

/// Depth-first traversal of the levels of a tree.
pub(super) struct TreeRows<'d, 'p> {
    reader: &'d Reader<'p>,
    line: Option<usize>,
    /// The document and the values entered so far.
    above: Vec<&'d Value>,
    path: Vec<RowStep>,
    /// Number of elements of the outermost list; for an object, number of rows, since paging does not count keys.
    outermost: u64,
    /// Whether a level excludes the current value by its key.
    is_excluded: bool,
    /// Whether a key occurred twice in a row, which is marked.
    has_repeated_key: bool,
}

impl<'d, 'p> TreeRows<'d, 'p> {
    /// Starts at the root of a response, or of a line.
    pub(super) fn new(reader: &'d Reader<'p>, answer: &'d Value, line: Option<usize>, has_repeated_key: bool) -> Self {
        let (above, path) = (vec![answer], vec![]);
        Self { reader, line, above, path, outermost: 0, is_excluded: false, has_repeated_key }
    }

    /// Emits every row. Returns their number at the outermost level.
    pub(super) fn rows(mut self, sink: Sink<'_>) -> Result<u64, RowsError> {
        self.visit(sink)?;
        Ok(self.outermost)
    }

    fn visit(&mut self, sink: Sink<'_>) -> Result<(), RowsError> {
        let depth = self.path.len();
        let levels = &self.reader.lookup.rows.levels;
        if depth == 1 && !self.counts_rows() {
            self.outermost += 1;
        }
        let Some(level) = levels.get(depth) else {
            self.row(sink);
            return Ok(());
        };
        let here: &'d Value = self.above[depth];
        let found = level.at.find(here);
        let mut excluded: Vec<(RowStep, &'d Value)> = vec![];
        let items: Vec<(RowStep, &'d Value)> = match (level.is, found) {
            (_, None | Some(Value::Null)) if level.optional && level.at.is_absent(here) => vec![],
            (LevelKind::List | LevelKind::OneOrMany, Some(Value::Array(items))) => {
                items.iter().enumerate().map(|(i, item)| (RowStep::Index(i), item)).collect()
            }
            (LevelKind::Map, Some(Value::Object(keys))) => {
                let wanted = |(key, _): &(&String, &Value)| level.keys.is_empty() || level.keys.contains(key);
                let (wanted, others): (Vec<_>, Vec<_>) = keys.iter().partition(wanted);
                let steps = |keys: Vec<(&String, &'d Value)>| {
                    keys.into_iter().map(|(key, item)| (RowStep::Key(key.clone()), item)).collect()
                };
                excluded = steps(others);
                steps(wanted)
            }
            (LevelKind::OneOrMany, Some(item)) if !item.is_null() => vec![(RowStep::Index(0), item)],
            (_, found) => return self.report_missing(level, here, found, sink),
        };
        items.into_iter().try_for_each(|(step, item)| self.enter(step, item, sink))?;
        let was_excluded = std::mem::replace(&mut self.is_excluded, true);
        let result = excluded.into_iter().try_for_each(|(step, item)| self.enter(step, item, sink));
        self.is_excluded = was_excluded;
        result
    }

    fn enter(&mut self, step: RowStep, item: &'d Value, sink: Sink<'_>) -> Result<(), RowsError> {
        self.path.push(step);
        self.above.push(item);
        let result = self.visit(sink);
        self.above.pop();
        self.path.pop();
        result
    }

    fn counts_rows(&self) -> bool {
        self.reader.lookup.rows.levels.first().is_none_or(|level| level.is == LevelKind::Map)
    }

    fn emit(&self, slots: Result<&[Slot], String>, sink: Sink<'_>) {
        sink(Row { slots, location: self.location(), is_excluded: self.is_excluded });
    }

    /// A missing first level is an error of the response; a missing later level makes a bad row.
    fn report_missing(
        &mut self,
        level: &LevelPlan,
        here: &Value,
        found: Option<&Value>,
        sink: Sink<'_>,
    ) -> Result<(), RowsError> {
        let error = match found {
            Some(other) => {
                let wanted = if level.is == LevelKind::Map { "an object" } else { "a list" };
                let reason = format!("invalid `{}`: expected {wanted}, found {}", level.at, kind_of(other));
                RowsError::Shape { reason, pointer: pointer(level.at.steps()), found: kind_of(other).to_owned() }
            }
            None => missing(&level.at, here),
        };
        if self.path.is_empty() {
            return Err(error);
        }
        self.outermost += u64::from(self.counts_rows());
        self.emit(Err(error.to_string()), sink);
        Ok(())
    }

    /// Returns the key or index of a row, or of the value `up` levels above it.
    fn key(&self, up: usize) -> Slot<'_> {
        match self.path.len().checked_sub(1 + up).map(|at| &self.path[at]) {
            Some(RowStep::Key(key)) => Slot::Text(Cow::Borrowed(key.as_str())),
            Some(RowStep::Index(index)) => Slot::Integer(i64::try_from(*index).unwrap_or(i64::MAX)),
            None => Slot::Absent,
        }
    }

    fn location(&self) -> RowLocation<'_> {
        RowLocation { levels: &self.reader.lookup.rows.levels, path: &self.path, line: self.line }
    }

    fn row(&mut self, sink: Sink<'_>) {
        self.outermost += u64::from(self.counts_rows());
        let last = self.above.len() - 1;
        let row = self.above[last];
        let goes_in = |origin: &Origin| matches!(origin, Origin::Row(path) if !path.steps().is_empty());
        if self.reader.origins.iter().all(goes_in) && !row.is_object() && !row.is_array() {
            return self.emit(Err(not_an_object(kind_of(row))), sink);
        }
        if self.has_repeated_key && is_marked(row) {
            return self.emit(Err(not_an_object(REPEATED_KEY)), sink);
        }
        let fill = |origin: &Origin| {
            let found = match origin {
                Origin::Row(path) => path.find(row),
                Origin::Above(up, path) => last.checked_sub(*up).and_then(|at| path.find(self.above[at])),
                Origin::Answer(path) => path.find(self.above[0]),
                Origin::Key(up) => return self.key(*up),
            };
            found.map_or(Slot::Absent, Slot::of)
        };
        let slots: Vec<Slot> = self.reader.origins.iter().map(fill).collect();
        self.emit(Ok(&slots), sink);
    }
}

/// Describes where a path ends in a document.
fn missing(records: &Path, document: &Value) -> RowsError {
    let (mut reached, mut depth) = (document, 0);
    while let Some(next) = records.steps().get(depth).and_then(|step| step.enter(reached)) {
        (reached, depth) = (next, depth + 1);
    }
    let wanted = match &records.steps()[depth] {
        PathStep::Name(name) => format!("`{name}`"),
        PathStep::Index(index) => format!("element {index}"),
    };
    let reason = format!("missing `{records}` in the response");
    let found = format!("{} without {wanted}", kind_of(reached));
    RowsError::Shape { reason, pointer: pointer(&records.steps()[..depth]), found }
}
