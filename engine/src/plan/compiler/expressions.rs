//! Compiles conditions and descriptions.

use super::super::expression::{Condition, ExpressionError, FILTERS, Prose, tests};
use super::*;
use minijinja::value::Value;

impl Compiler<'_> {
    pub(in crate::plan) fn condition(
        &mut self,
        text: &str,
        pointer: &str,
        names: &[&str],
        probe: impl Fn(&str) -> Value,
    ) -> Option<Condition> {
        let condition =
            Condition::parse(text, names, probe).map_err(|error| self.expression(error, pointer, names)).ok()?;
        if condition.reads().is_empty() {
            let label = "true for every record, or for none";
            self.warning(Code::ConditionConstant, pointer, "constant condition: it uses no field of the record", label);
        }
        Some(condition)
    }

    pub(in crate::plan) fn prose(
        &mut self,
        text: &str,
        pointer: &str,
        names: &[&str],
        probe: impl Fn(&str) -> Value,
    ) -> Option<Prose> {
        Prose::parse(text, names, probe).map_err(|error| self.expression(error, pointer, names)).ok()
    }

    fn unknown_name(&mut self, name: &str, inside: &Range<usize>, pointer: &str, names: &[&str]) {
        let place = self.span_within(pointer, inside.clone());
        let fix = |compiler: &Self, near: &str| compiler.replacement(pointer, inside, near);
        let found = self.unknown_reference((Code::UnknownName, FIELDS), place, (name, fix), names);
        found.notes.push(format!("known names: {}", names.join(", ")));
    }

    fn unknown_filter(&mut self, kind: &str, word: &str, inside: &Range<usize>, pointer: &str) {
        let known: Vec<&str> = match kind {
            "test" => tests().collect(),
            _ => FILTERS.iter().map(|filter| filter.name).collect(),
        };
        // `or` is the Jinja equivalent.
        let near = if word == "default" { Near { name: Some("or"), is_sure: false } } else { Near::of(word, &known) };
        let label = near.label(&format!("unknown {kind}"));
        let fix = near.sure().and_then(|near| self.replacement(pointer, inside, near));
        let message = format!("unknown {kind} `{word}`");
        let found = self.error_within(Code::UnknownFilter, pointer, inside.clone(), message, label);
        found.fix = fix;
        found.notes.push(format!("known {kind}s: {}", known.join(", ")));
    }

    fn syntax_error(&mut self, pointer: &str, inside: Range<usize>, detail: String) {
        let whole = self.tree.value().pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        let is_condition = pointer.ends_with("/when");
        let bare = whole.trim().strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
        if let Some(bare) = bare.filter(|_| is_condition) {
            let fix = self.replacement(pointer, &(0..whole.len()), bare.trim());
            let (message, label) = ("a condition is written without braces", "braces are for templates");
            self.error_within(Code::ExpressionSyntax, pointer, 0..whole.len(), message, label).fix = fix;
            return;
        }
        let is_assignment = is_condition && whole.get(inside.clone()) == Some("=");
        let fix = if is_assignment { self.replacement(pointer, &inside, "==") } else { None };
        let label = if is_assignment { "did you mean `==`?".to_owned() } else { detail };
        self.error_within(Code::ExpressionSyntax, pointer, inside, "invalid MiniJinja syntax", label).fix = fix;
    }

    fn expression(&mut self, error: ExpressionError, pointer: &str, names: &[&str]) {
        match error {
            ExpressionError::Syntax(detail, inside) => {
                self.syntax_error(pointer, inside, detail);
            }
            ExpressionError::NotPermitted(what, inside) => {
                let message = "unsupported MiniJinja syntax";
                let found = self.error_within(Code::ExpressionSyntax, pointer, inside, message, what);
                found
                    .notes
                    .push("supported: comparisons, `is`, `in`, `and`, `or`, `not`, lists, filters and `if`".into());
            }
            ExpressionError::UnknownFilter(kind, word, inside) => self.unknown_filter(kind, &word, &inside, pointer),
            ExpressionError::UnknownNames(unknown) => {
                unknown.iter().for_each(|(name, inside)| self.unknown_name(name, inside, pointer, names));
            }
            ExpressionError::NotBoolean(kind) => {
                let label = format!("the result is a {kind}");
                self.error(Code::NotBoolean, pointer, "a condition must be true or false", label);
            }
        }
    }
}
