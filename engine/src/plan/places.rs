//! Paths at which a response never has a value, by its framing, the path of its rows and its columns. A value that is
//! never there would be read as absent: no further page, no total, no time.

use super::compiler::Compiler;
use super::{ColumnsPlan, LevelPlan, LookupPlan, Path, PathStep};
use crate::diagnostic::Code;
use crate::profile::{FieldSource, Framing, LevelKind, Profile};
use crate::yaml::child;

/// Reports the paths of a lookup outside of its rows, and those of its row tests.
pub(super) fn lookup(compiler: &mut Compiler, lookup: &LookupPlan, at: &str) {
    for (key, path) in lookup.body_places() {
        if lookup.rows.framing != Framing::Json {
            let message = format!("`{path}` does not exist in a response of lines");
            let label = "each line is a row; use a response header";
            compiler.error(Code::PlaceInLines, &format!("{at}/{key}"), message, label);
            continue;
        }
        let is_container =
            key == "truncated_when/at" && lookup.truncated_when.as_ref().is_some_and(|signal| signal.is.is_empty());
        if let Some(label) = conflict(&lookup.rows.levels, path, is_container) {
            in_rows(compiler, path, &format!("{at}/{key}"), label);
        }
    }
    let Some(columns) = &lookup.rows.columns else { return };
    let tests = [("only", &lookup.rows.only), ("except", &lookup.rows.except)];
    for (key, tests) in tests {
        for (i, test) in tests.iter().enumerate() {
            if let Some(label) = missing_column(columns, &test.at) {
                no_column(compiler, &test.at, &format!("{at}/{key}/{i}/at"), label);
            }
        }
    }
}

/// Reports the paths of fields that no lookup has.
pub(super) fn fields(compiler: &mut Compiler, profile: &Profile, lookups: &[Option<LookupPlan>]) {
    let Some(lookups) = lookups.iter().map(Option::as_ref).collect::<Option<Vec<_>>>() else { return };
    for (name, field) in &profile.record.fields {
        for (i, text) in field.at.iter().flat_map(|at| at.iter()) {
            let Ok(path) = Path::parse(&text.0) else { continue };
            let at = format!("{}/at{i}", child("/record/fields", name));
            let mut reasons = lookups.iter().map(|lookup| unreadable(lookup, field.from, &path));
            if let Some(Some((code, label))) = reasons.next()
                && reasons.all(|reason| reason.is_some())
            {
                match code {
                    Code::UnknownColumn => no_column(compiler, &path, &at, label),
                    _ => in_rows(compiler, &path, &at, label),
                }
            }
        }
    }
}

fn in_rows(compiler: &mut Compiler, path: &Path, at: &str, label: String) {
    compiler.error(Code::PlaceInRows, at, format!("no value can be at `{path}`"), label);
}

fn no_column(compiler: &mut Compiler, path: &Path, at: &str, label: String) {
    compiler.error(Code::UnknownColumn, at, format!("no column can be at `{path}`"), label);
}

/// Returns why a lookup's rows never have a value for a field.
fn unreadable(lookup: &LookupPlan, from: FieldSource, path: &Path) -> Option<(Code, String)> {
    match (from, &lookup.rows.columns) {
        (FieldSource::Row | FieldSource::Answer, Some(columns)) => {
            missing_column(columns, path).map(|label| (Code::UnknownColumn, label))
        }
        (FieldSource::Answer, None) if lookup.rows.framing == Framing::Json => {
            conflict(&lookup.rows.levels, path, true).map(|label| (Code::PlaceInRows, label))
        }
        _ => None,
    }
}

/// Returns why a path of a line leads to no column.
fn missing_column(columns: &ColumnsPlan, path: &Path) -> Option<String> {
    match (path.steps(), columns.at_most.or(columns.count)) {
        ([], _) => None,
        ([PathStep::Name(_)], _) if columns.header => None,
        ([PathStep::Name(_)], _) => Some("columns have no names without `header: true`".to_owned()),
        ([PathStep::Index(_)], _) if columns.header => Some("with `header: true` columns have names".to_owned()),
        ([PathStep::Index(index)], Some(most)) if !is_index(*index, most) => {
            Some(format!("a line has {most} columns at most"))
        }
        ([PathStep::Index(_)], _) => None,
        _ => Some("a column is a text".to_owned()),
    }
}

/// Whether a list of this length has an element at an index, which may count from the end.
fn is_index(index: i64, length: usize) -> bool {
    let position = if index < 0 { index.unsigned_abs() } else { index.unsigned_abs() + 1 };
    position <= length as u64
}

/// Returns how a path contradicts the levels of the rows, which tell what is a list and what an object. `is_container` if
/// the value may be one of them.
fn conflict(levels: &[LevelPlan], path: &Path, is_container: bool) -> Option<String> {
    let steps = path.steps();
    let at_most = |depth: usize, what: &str| Some(format!("`{}` is {what}", path.prefix(depth)));
    let mut depth = 0;
    for level in levels {
        for on_the_way in level.at.steps() {
            let what = if matches!(on_the_way, PathStep::Name(_)) { "an object" } else { "a list" };
            match (on_the_way, steps.get(depth)) {
                (PathStep::Name(_), Some(PathStep::Index(_))) | (PathStep::Index(_), Some(PathStep::Name(_))) => {
                    return at_most(depth, what);
                }
                (_, None) => return if is_container { None } else { at_most(depth, what) },
                (known, Some(step)) if known != step => return None,
                _ => depth += 1,
            }
        }
        match (level.is, steps.get(depth)) {
            (LevelKind::OneOrMany, _) => return None,
            (_, None) if is_container => return None,
            (LevelKind::List, None | Some(PathStep::Name(_))) => return at_most(depth, "a list of rows"),
            (LevelKind::Map, None | Some(PathStep::Index(_))) => return at_most(depth, "an object of rows"),
            (LevelKind::Map, Some(PathStep::Name(name))) if !level.keys.is_empty() && !level.keys.contains(name) => {
                return None;
            }
            _ => depth += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn path(text: &str) -> Path {
        Path::parse(text).expect("a path")
    }

    fn level(at: &str, is: LevelKind) -> LevelPlan {
        LevelPlan { at: path(at), is, keys: vec![], optional: false }
    }

    #[test]
    fn path_contradicts_the_levels_of_the_rows() {
        let list = || level("$.a.rows", LevelKind::List);
        let nested = || vec![level("$.r", LevelKind::Map), level("$.x", LevelKind::List)];
        for (levels, at, label) in [
            (vec![list()], "$.a.rows.total", Some("`$.a.rows` is a list of rows")),
            (vec![list()], "$.a.rows", Some("`$.a.rows` is a list of rows")),
            (vec![list()], "$.a", Some("`$.a` is an object")),
            (vec![list()], "$", Some("`$` is an object")),
            (vec![list()], "$.a[0].next", Some("`$.a` is an object")),
            (vec![list()], "$[0]", Some("`$` is an object")),
            (vec![list()], "$.a.rows[-1].id", None),
            (vec![list()], "$.a.next", None),
            (vec![list()], "$.rows", None),
            (vec![level("$", LevelKind::List)], "$.next", Some("`$` is a list of rows")),
            (vec![level("$", LevelKind::List)], "$[-1].id", None),
            (vec![level("$.r", LevelKind::OneOrMany)], "$.r.next", None),
            (nested(), "$.r.next", Some("`$.r.next` is an object")),
            (nested(), "$.r[0]", Some("`$.r` is an object of rows")),
            (nested(), "$.r.a.x.next", Some("`$.r.a.x` is a list of rows")),
            (nested(), "$.r.a.y", None),
        ] {
            assert_eq!(conflict(&levels, &path(at), false).as_deref(), label, "{at}");
        }
        assert_eq!(conflict(&[list()], &path("$.a.rows"), true), None);
        assert!(conflict(&[list()], &path("$.a.rows.x"), true).is_some());
    }

    #[test]
    fn path_leads_to_no_column() {
        let columns =
            |header, at_most| ColumnsPlan { separator: ",".into(), at_most, count: None, header, comment: None };
        for (header, at_most, at, is_missing) in [
            (false, None, "$.l", true),
            (true, None, "$.l", false),
            (false, None, "$[9]", false),
            (true, None, "$[0]", true),
            (false, Some(3), "$[2]", false),
            (false, Some(3), "$[3]", true),
            (false, Some(3), "$[-3]", false),
            (false, Some(3), "$[-4]", true),
            (false, None, "$[0].a", true),
            (true, None, "$.a.b", true),
            (false, None, "$", false),
        ] {
            assert_eq!(missing_column(&columns(header, at_most), &path(at)).is_some(), is_missing, "{at}");
        }
    }

    /// Builds a document in which the levels lead to rows, with other values next to them.
    fn document(levels: &[LevelPlan]) -> Value {
        let Some((level, inner)) = levels.split_first() else { return json!({ "a": 1, "b": 1, "c": 1 }) };
        let item = document(inner);
        let mut value = match level.is {
            LevelKind::Map => json!({ "a": item, "b": item, "c": item }),
            _ => json!([item, item]),
        };
        for step in level.at.steps().iter().rev() {
            value = match step {
                PathStep::Name(name) => {
                    let mut object = json!({ "a": 1, "b": 1, "c": 1 });
                    object[name.as_str()] = value;
                    object
                }
                PathStep::Index(_) => json!([value, value]),
            };
        }
        value
    }

    proptest! {
        #[test]
        fn path_to_a_value_is_never_reported(
            ats in prop::collection::vec(("\\$(\\.[abc]){0,2}", prop::bool::ANY), 1..3),
            at in "\\$(\\.[abc]|\\[[01]\\]){0,5}",
        ) {
            let levels: Vec<LevelPlan> = ats
                .iter()
                .map(|(at, is_map)| level(at, if *is_map { LevelKind::Map } else { LevelKind::List }))
                .collect();
            let document = document(&levels);
            let found = path(&at);
            if found.find(&document).is_some() {
                prop_assert_eq!(conflict(&levels, &found, true), None);
            }
            if found.find(&document).is_some_and(|value| !value.is_array() && !value.is_object()) {
                prop_assert_eq!(conflict(&levels, &found, false), None);
            }
        }
    }
}
