//! Writes generated rows as a response body, in the framing and levels of a lookup.

use super::pool::{About, ValuePool, scalar};
use super::scenario::{Cell, Page, Row};
use serde_json::{Map, Value, json};
use stixmap_engine::plan::{FieldPlace, LevelPlan, LookupPlan, Path, PathStep, Plan};
use stixmap_engine::profile::{Framing, LevelKind};

/// Context for writing rows.
pub(super) struct Writer<'w> {
    pub(super) plan: &'w Plan,
    pub(super) lookup: &'w LookupPlan,
    pub(super) pool: &'w ValuePool,
    /// The value of the observable.
    pub(super) asked: &'w str,
}

/// Writes a page; `beside` adds the values outside its rows.
pub(super) fn body(writer: &Writer, page: &Page, beside: impl FnOnce(&mut Value), ending: &str) -> Vec<u8> {
    let rows: Vec<&Row> =
        page.rows.iter().flat_map(|row| [Some(row), row.is_repeated.then_some(row)]).flatten().collect();
    match writer.lookup.rows.framing {
        Framing::Json => {
            let mut root = Value::Null;
            let levels = &writer.lookup.rows.levels;
            container(&mut root, &levels[0], false);
            rows.iter().for_each(|row| writer.insert(&mut root, row, rows.len() == 1));
            writer.of_answer(&mut root, page);
            beside(&mut root);
            root.to_string().into_bytes()
        }
        Framing::Ndjson => lines(rows.iter().map(|row| writer.line(row).to_string())),
        Framing::Saf => {
            let framed = rows.iter().map(|row| json!({ "obj": writer.line(row) }).to_string());
            let begin = [json!({ "cond": "begin" }).to_string()].into_iter();
            let end = json!({ "cond": ending, "msg": "no more" }).to_string();
            lines(begin.chain(framed).chain((ending != "cut").then_some(end)))
        }
        Framing::Delimited => writer.delimited(&rows),
    }
}

fn lines(lines: impl Iterator<Item = String>) -> Vec<u8> {
    lines.flat_map(|line| [line, "\n".to_owned()]).collect::<String>().into_bytes()
}

impl Writer<'_> {
    fn about(&self, rrtype: u16) -> About<'_> {
        About { rrtype, asked: self.asked }
    }

    /// Returns a row as one line contains it.
    fn line(&self, row: &Row) -> Value {
        let mut line = Value::Null;
        if self.lookup.rows.levels.is_empty() {
            return self.row(row);
        }
        self.insert(&mut line, row, false);
        line
    }

    fn row(&self, row: &Row) -> Value {
        if let Some(number) = row.instead {
            return self.pool.hostile(number);
        }
        let mut value = Value::Null;
        for (place, at, cell) in self.cells(row) {
            if let FieldPlace::Row(_) = place {
                set(&mut value, at, cell);
            }
        }
        let rows = &self.lookup.rows;
        let tests = if row.is_record { &rows.only } else { &rows.except };
        for (test, expected) in tests.iter().filter_map(|test| Some((test, test.is.first()?))) {
            set(&mut value, &test.at, scalar(expected));
        }
        // An object without fields is a row; null is none.
        if value.is_null() { json!({}) } else { value }
    }

    /// Returns the values of a row's fields with their sources; the cell's number selects one of several paths.
    fn cells<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (&'r FieldPlace, &'r Path, Value)> {
        self.plan.record.fields.iter().enumerate().filter_map(|(number, field)| {
            let cell = &row.cells[number];
            let paths = field.source.paths();
            let at = paths.get(which(cell) % paths.len().max(1))?;
            Some((&field.source, at, self.pool.value(number, field, cell, self.about(row.rrtype))?))
        })
    }

    /// Inserts a row at its path. Rows with the same object keys share these objects.
    fn insert(&self, root: &mut Value, row: &Row, is_single: bool) {
        let levels = &self.lookup.rows.levels;
        let mut node = root;
        for (depth, level) in levels.iter().enumerate() {
            self.above(node, row, levels.len() - depth);
            let is_last = depth + 1 == levels.len();
            let inner = if is_last { self.row(row) } else { Value::Null };
            let Some(next) = self.element(node, level, row, levels.len() - 1 - depth, inner, is_single) else { return };
            node = next;
        }
    }

    /// Sets the fields that are read `up` levels above a row.
    fn above(&self, node: &mut Value, row: &Row, up: usize) {
        for (place, at, cell) in self.cells(row) {
            if matches!(place, FieldPlace::Above(levels, _) if *levels == up) {
                set_least(node, at, cell);
            }
        }
    }

    /// Returns an element of a level: a new one for an array, the one with the row's key for an object.
    fn element<'n>(
        &self,
        node: &'n mut Value,
        level: &LevelPlan,
        row: &Row,
        up: usize,
        inner: Value,
        is_single: bool,
    ) -> Option<&'n mut Value> {
        let is_one = level.is == LevelKind::OneOrMany && is_single && !inner.is_array() && !inner.is_null();
        match container(node, level, is_one)? {
            Value::Array(items) => {
                items.push(inner);
                items.last_mut()
            }
            Value::Object(keys) => {
                let key = self.key(level, row, up);
                let known = keys.entry(key).or_insert(Value::Null);
                if !inner.is_null() && (known.is_null() || is_less(&inner, known)) {
                    *known = inner;
                }
                Some(known)
            }
            single => {
                *single = inner;
                Some(single)
            }
        }
    }

    fn key(&self, level: &LevelPlan, row: &Row, up: usize) -> String {
        let fields = self.plan.record.fields.iter().enumerate();
        let of_field = fields.filter(|(_, field)| field.source == FieldPlace::Key(up)).find_map(|(number, field)| {
            let value = self.pool.value(number, field, &row.cells[number], self.about(row.rrtype))?;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        let number = usize::from(row.rrtype);
        match of_field {
            Some(key) if level.keys.is_empty() || level.keys.contains(&key) => key,
            _ if level.keys.is_empty() => format!("key {}", number % 5),
            _ => level.keys[number % level.keys.len()].clone(),
        }
    }

    /// Sets the fields that are read from the root of the response.
    fn of_answer(&self, root: &mut Value, page: &Page) {
        let beside = Row { rrtype: 0, is_record: true, is_repeated: false, instead: None, cells: page.beside.clone() };
        for (place, at, cell) in self.cells(&beside) {
            if let FieldPlace::Answer(_) = place {
                set_least(root, at, cell);
            }
        }
    }

    /// Returns the headers that fields read.
    pub(super) fn headers(&self, page: &Page) -> Vec<(String, String)> {
        let fields = self.plan.record.fields.iter().enumerate();
        let header = |(number, field): (usize, &stixmap_engine::plan::FieldPlan)| {
            let FieldPlace::Header(name) = &field.source else { return None };
            let value = self.pool.value(number, field, &page.beside[number], self.about(0))?;
            Some((name.to_lowercase(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        };
        fields.filter_map(header).collect()
    }

    fn delimited(&self, rows: &[&Row]) -> Vec<u8> {
        let columns = self.lookup.rows.columns.as_ref().expect("delimited lines have columns");
        let separator = &columns.separator;
        let comment = columns.comment.map(|sign| format!("{} comment", char::from(sign)));
        let names = columns.header.then(|| self.names());
        let cut = rows.iter().map(|row| {
            let row = self.row(row);
            let cells: Vec<String> = match &names {
                Some(names) => names.iter().map(|name| cell(row.get(name))).collect(),
                None => row
                    .as_array()
                    .map(|cells| cells.iter().map(|value| cell(Some(value))).collect())
                    .unwrap_or_default(),
            };
            cells.join(separator)
        });
        let cut: Vec<String> = cut.collect();
        lines(comment.into_iter().chain(names.as_ref().map(|names| names.join(separator))).chain(cut))
    }

    fn names(&self) -> Vec<String> {
        let of_fields = self.plan.record.fields.iter().flat_map(|field| match &field.source {
            FieldPlace::Row(paths) => &paths[..],
            _ => &[],
        });
        let rows = &self.lookup.rows;
        let of_tests = rows.only.iter().chain(&rows.except).map(|test| &test.at);
        let name = |path: &Path| match path.steps() {
            [PathStep::Name(name)] => Some(name.clone()),
            _ => None,
        };
        let mut names: Vec<String> = of_fields.chain(of_tests).filter_map(name).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Formats a cell of a delimited line, quoted if necessary. A byte order mark is removed: it would change the first
/// line.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.replace('\u{feff}', ""),
        Some(other) => other.to_string(),
    };
    if text.contains(['"', ',', '|', ';', '\t']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn which(cell: &Cell) -> usize {
    match cell {
        Cell::Valid(number) | Cell::Unusual(number) | Cell::Invalid(number) => usize::from(*number) / 3,
        Cell::Text(_) | Cell::Missing => 0,
    }
}

/// Returns the container of a level's elements; `None` if another value is there.
fn container<'n>(node: &'n mut Value, level: &LevelPlan, is_one: bool) -> Option<&'n mut Value> {
    let found = reach(node, level.at.steps())?;
    if found.is_null() && !is_one {
        *found = if level.is == LevelKind::Map { json!({}) } else { json!([]) };
    }
    let fits = if level.is == LevelKind::Map { found.is_object() } else { found.is_array() || found.is_null() };
    fits.then_some(found)
}

/// Sets a value at a path, unless another value blocks the path.
pub(super) fn set(root: &mut Value, at: &Path, value: Value) {
    if let Some(found) = reach(root, at.steps()) {
        *found = value;
    }
}

/// Sets a value at a path, unless an array or object is there.
pub(super) fn set_scalar(root: &mut Value, at: &Path, value: Value) {
    if let Some(found) = reach(root, at.steps()).filter(|found| !found.is_array() && !found.is_object()) {
        *found = value;
    }
}

/// Sets a value shared by several rows: the least one is kept, so that the order of rows does not matter.
fn set_least(root: &mut Value, at: &Path, value: Value) {
    let Some(found) = reach(root, at.steps()) else { return };
    if found.is_null() || (!found.is_array() && !found.is_object() && is_less(&value, found)) {
        *found = value;
    }
}

/// Compares values by their JSON text; any total order would do.
fn is_less(one: &Value, other: &Value) -> bool {
    let (one, other) = (one.to_string(), other.to_string());
    one < other
}

fn reach<'n>(node: &'n mut Value, steps: &[PathStep]) -> Option<&'n mut Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(node) };
    let next = match step {
        PathStep::Name(name) => {
            if node.is_null() {
                *node = Value::Object(Map::new());
            }
            node.as_object_mut()?.entry(name.clone()).or_insert(Value::Null)
        }
        PathStep::Index(index) => {
            if node.is_null() {
                *node = json!([]);
            }
            let items = node.as_array_mut()?;
            let wanted = usize::try_from(*index).unwrap_or_else(|_| items.len().max(1) - 1);
            if items.len() <= wanted {
                items.resize(wanted + 1, Value::Null);
            }
            &mut items[wanted]
        }
    };
    reach(next, rest)
}
