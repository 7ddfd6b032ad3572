//! JSONPaths of a profile (RFC 9535), reduced to names and indexes. There are no searches, so that a path has
//! predictable cost; conditions select rows instead.

use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::model::{Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use pest::error::InputLocation;
use serde_json::Value;
use std::fmt;
use std::ops::Range;

/// Maximum length of a path in bytes.
const MAX_BYTES: usize = 1024;
/// Maximum depth of brackets. Filters are parsed only to report that paths do not search.
const MAX_OPEN: usize = 4;

/// A JSONPath of names and indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    steps: Vec<PathStep>,
}

/// One segment of a JSONPath: a name or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// Member of an object with this name.
    Name(String),
    /// Element of a list; negative indexes count from the end.
    Index(i64),
}

impl PathStep {
    /// Returns the value that the segment selects.
    pub fn enter<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match (self, value) {
            (PathStep::Name(name), Value::Object(map)) => map.get(name),
            (PathStep::Index(index), Value::Array(list)) => {
                let from_end = usize::try_from(-index).ok().and_then(|back| list.len().checked_sub(back));
                list.get(usize::try_from(*index).ok().or(from_end)?)
            }
            _ => None,
        }
    }

    /// Returns whether a value could contain the segment: an object a name, a list an index.
    fn fits(&self, value: &Value) -> bool {
        matches!((self, value), (PathStep::Name(_), Value::Object(_)) | (PathStep::Index(_), Value::Array(_)))
    }
}

/// Reasons why a text is not a valid path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathError {
    /// Invalid JSONPath syntax, with its byte range.
    Syntax(Range<usize>),
    /// A valid JSONPath that searches: wildcards, slices, filters or descendants.
    Searches,
}

impl Path {
    /// Parses a JSONPath (RFC 9535) that consists of names and indexes.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        if let Some(at) = excess(text) {
            return Err(PathError::Syntax(at..text.len()));
        }
        let query = parse_json_path(text).map_err(|error| PathError::Syntax(range_of(&error, text.len())))?;
        let steps = query.segments.iter().map(step).collect::<Option<Vec<_>>>().ok_or(PathError::Searches)?;
        Ok(Path { steps })
    }

    /// Suggests the path that was probably meant by an invalid one: with `$`, with quoted names, or without a final
    /// wildcard where a list is expected.
    pub(super) fn suggest(text: &str, is_list: bool) -> Option<String> {
        let plain = text.trim();
        let plain =
            if is_list { plain.strip_suffix("[*]").or(plain.strip_suffix("[]")).unwrap_or(plain) } else { plain };
        let rest = plain.strip_prefix('$').unwrap_or(plain).trim_start_matches('.');
        let mut suggestion = "$".to_owned();
        // Names of OData contain a dot.
        let rest = rest.replace("@odata.", "@odata\0");
        for name in rest.split('.') {
            let name = name.replace('\0', ".");
            let (word, index) = name.split_at(name.find('[').unwrap_or(name.len()));
            let is_plain = !word.starts_with(|c: char| c.is_ascii_digit())
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let is_word = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-@. ".contains(&b));
            match (word.is_empty(), is_plain, is_word) {
                (false, true, _) => suggestion.extend([".", word, index]),
                (false, false, true) => suggestion.extend(["['", word, "']", index]),
                _ => return None,
            }
        }
        (suggestion != text && !text.contains("..") && Path::parse(&suggestion).is_ok()).then_some(suggestion)
    }

    /// Returns the value at the path, if there is one.
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(value, |value, step| step.enter(value))
    }

    /// Returns whether the path leads to null, or to nothing in values that could contain it. Another value on the way is
    /// not absence.
    pub fn is_absent(&self, value: &Value) -> bool {
        let mut reached = value;
        for (depth, step) in self.steps.iter().enumerate() {
            match step.enter(reached) {
                Some(next) => reached = next,
                None => return step.fits(reached) || depth > 0 && reached.is_null(),
            }
        }
        reached.is_null()
    }

    /// Returns the path of the first segments.
    pub(super) fn prefix(&self, length: usize) -> Path {
        Path { steps: self.steps[..length].to_vec() }
    }

    /// Returns the segments, from the root down.
    pub fn steps(&self) -> &[PathStep] {
        &self.steps
    }
}

/// Returns where a text exceeds the limits of length or depth: the parser's recursion is as deep as the text, and it
/// backtracks at each bracket.
fn excess(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let too_deep = text.bytes().position(|sign| {
        match sign {
            b'[' | b'(' => open += 1,
            b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MAX_OPEN
    });
    too_deep.or((text.len() > MAX_BYTES).then_some(0))
}

fn step(segment: &Segment) -> Option<PathStep> {
    match segment {
        Segment::Selector(Selector::Name(name)) => Some(PathStep::Name(unquote(name))),
        Segment::Selector(Selector::Index(index)) => Some(PathStep::Index(*index)),
        _ => None,
    }
}

/// Removes the quotes that the parser leaves on `['name']`.
fn unquote(name: &str) -> String {
    let inner = ['\'', '"'].iter().find_map(|&quote| name.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(name).to_owned()
}

fn range_of(error: &JsonPathError, length: usize) -> Range<usize> {
    let start = match error {
        JsonPathError::PestError(error) => match error.location {
            InputLocation::Pos(start) | InputLocation::Span((start, _)) => start,
        },
        _ => 0,
    };
    start.min(length)..length
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.steps.iter().try_for_each(|step| match step {
            PathStep::Name(name) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                write!(f, ".{name}")
            }
            PathStep::Name(name) => write!(f, "['{name}']"),
            PathStep::Index(index) => write!(f, "[{index}]"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(path: &str, value: &Value, found: Option<Value>) {
        let path = Path::parse(path).expect("a plain path");
        assert_eq!(path.find(value).cloned(), found, "{path}");
        assert_eq!(Path::parse(&path.to_string()), Ok(path));
    }

    #[test]
    fn path_returns_the_selected_value() {
        let value = json!({ "a": { "b": [1, null] }, "@odata.nextLink": "x" });
        check("$", &value, Some(value.clone()));
        check("$.a.b[0]", &value, Some(json!(1)));
        check("$.a.b[1]", &value, Some(Value::Null));
        check("$.a.b[-2]", &value, Some(json!(1)));
        check("$.a.b[2]", &value, None);
        check("$.a.b[-3]", &value, None);
        check("$.a.c", &value, None);
        check("$['@odata.nextLink']", &value, Some(json!("x")));
    }

    #[test]
    fn searching_or_invalid_path_is_rejected() {
        for path in ["$.a[*]", "$..a", "$.a[0:1]", "$.a[?@.b]", "$['a','b']"] {
            assert_eq!(Path::parse(path), Err(PathError::Searches), "{path}");
        }
        assert_eq!(Path::parse("$.firstSeen["), Err(PathError::Syntax(12..12)));
        assert!(matches!(Path::parse("$.@odata.nextLink"), Err(PathError::Syntax(_))));
        assert!(matches!(Path::parse("results"), Err(PathError::Syntax(_))));
    }

    #[test]
    fn suggested_path_is_valid() {
        for (text, is_list, suggestion) in [
            ("data.rows", false, Some("$.data.rows")),
            (".data.rows[]", true, Some("$.data.rows")),
            ("$.rows[*]", true, Some("$.rows")),
            ("$.rows[*]", false, None),
            ("$.hit-count[0].n", false, Some("$['hit-count'][0].n")),
            ("$.a.@odata.nextLink", false, Some("$.a['@odata.nextLink']")),
            ("$.a[", false, None),
            ("$..a", false, None),
            ("", false, None),
            ("/a/b", false, None),
        ] {
            assert_eq!(Path::suggest(text, is_list).as_deref(), suggestion, "{text}");
        }
    }

    #[test]
    fn path_of_any_depth_is_refused() {
        for unit in
            ["[", "(", "!", "[?", "$[?(", "!(", ".a", "..", "[0]", "[?@", "[?@.a[", "length(", "['a',", "-", "&&", "@"]
        {
            for end in ["", "1", ")", "]"] {
                let text = format!("$[?{}{end}", unit.repeat(100_000));
                assert!(Path::parse(&text).is_err() && Path::suggest(&text, true).is_none(), "{unit}");
                assert!(Path::parse(&format!("${}{end}", unit.repeat(100_000))).is_err(), "{unit}");
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text in r"\$?[a-z.\[\]'\x22*@0-9?()\PC]{0,20}") {
            if let Err(PathError::Syntax(place)) = Path::parse(&text) {
                prop_assert!(place.start <= place.end && place.end <= text.len());
            }
        }
    }
}
