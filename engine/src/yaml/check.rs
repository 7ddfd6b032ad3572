//! Validates a tree against a JSON Schema as schemars writes it. Reports every mistake at its location in plain
//! language, with a fix where it is certain. `schema` decides whether a value is valid; this module explains why it is
//! not.

use super::choice::{Intended, Keywords, branches, meant, tag};
use super::phrasing::{self, message};
use super::pointer::child;
use super::scalar::written;
use super::schema::{Schema, in_range, is, list, of_form, of_item, of_key, of_length, repeated, types};
use super::spelling::{nearest, unmistakable};
use super::tree::Tree;
use super::truncate::clip;
use super::type_fix::{Suggestion, suggestions};
use crate::diagnostic::{self, Code, Diagnostic, Fix, Span};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Returns every mistake in order of location, each cause once.
///
/// # Panics
///
/// If a reference of the schema does not resolve, or one of its patterns is not a regular expression.
pub fn check(tree: &Tree, schema: &Value) -> Vec<Diagnostic> {
    let mut check = Check { tree, schema: Schema::new(schema), found: vec![] };
    check.value(schema, tree.value(), "");
    diagnostic::sorted(check.found)
}

struct Check<'t, 's> {
    tree: &'t Tree,
    schema: Schema<'s>,
    found: Vec<Diagnostic>,
}

impl<'s> Check<'_, 's> {
    fn value(&mut self, schema: &'s Value, value: &Value, pointer: &str) {
        if self.schema.fits(schema, value) {
            return;
        }
        let before = self.found.len();
        self.explain(schema, value, pointer);
        if self.found.len() == before {
            let message = format!("invalid combination of values in {}", self.name(pointer));
            self.report(Code::WrongForm, message, self.place(pointer), "this value");
        }
    }

    fn explain(&mut self, schema: &'s Value, value: &Value, pointer: &str) {
        let branches = branches(self.schema, schema);
        match branches[..] {
            [one] => self.one(one, value, pointer),
            _ => self.choice(&branches, value, pointer),
        }
    }

    fn choice(&mut self, branches: &[&'s Keywords], value: &Value, pointer: &str) {
        match meant(branches, value) {
            Intended::Branch(branch) => self.one(branch, value, pointer),
            Intended::Word(words) => self.unknown_value(&words, value, pointer),
            Intended::Tag(tag, words) => self.unknown_tag(tag, words, value, pointer),
            Intended::Key(keys) => self.unknown_variant(keys, value, pointer),
            Intended::Type => self.wrong_type(branches, value, pointer),
        }
    }

    fn one(&mut self, schema: &'s Keywords, value: &Value, pointer: &str) {
        let kinds = types(schema);
        if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind, value)) {
            return self.wrong_type(&[schema], value, pointer);
        }
        let words = phrasing::words(schema);
        if !words.is_empty() {
            return self.unknown_value(&words, value, pointer);
        }
        match value {
            Value::Object(map) => self.block(schema, map, pointer),
            Value::Array(items) => self.items(schema, items, pointer),
            Value::Number(number) => self.limits(schema, pointer, |keyword, wanted| in_range(keyword, wanted, number)),
            Value::String(text) => self.text(schema, text, pointer),
            Value::Null | Value::Bool(_) => {}
        }
        self.parts(schema, value, pointer);
    }

    /// Validates the parts that a schema is composed of: an enum variant that contains a struct, a struct with a
    /// flattened one.
    fn parts(&mut self, schema: &'s Keywords, value: &Value, pointer: &str) {
        if let Some(reference) = schema.get("$ref") {
            self.value(self.schema.target(reference), value, pointer);
        }
        for part in schema.get("allOf").map_or(&[][..], list) {
            self.value(part, value, pointer);
        }
        for choices in ["anyOf", "oneOf"].iter().filter_map(|keyword| schema.get(*keyword)) {
            if !list(choices).iter().any(|branch| self.schema.fits(branch, value)) {
                let branches: Vec<&Keywords> =
                    list(choices).iter().flat_map(|branch| branches(self.schema, branch)).collect();
                self.choice(&branches, value, pointer);
            }
        }
    }

    fn block(&mut self, schema: &'s Keywords, map: &Map<String, Value>, pointer: &str) {
        let mut meant: Vec<&str> = vec![];
        let counterparts = self.counterparts(schema, map, pointer);
        for (key, value) in map {
            for part in of_key(schema, key) {
                if *part == Value::Bool(false) {
                    meant.extend(self.unknown_field(schema, (map, &meant, &counterparts), key, pointer));
                } else if !self.schema.fits(part, value) {
                    self.value(part, value, &child(pointer, key));
                }
            }
        }
        // A misspelled key is not reported as missing as well.
        for key in schema.get("required").map_or(&[][..], list).iter().filter_map(Value::as_str) {
            if !map.contains_key(key) && !meant.contains(&key) {
                self.missing(key, pointer);
            }
        }
        if let Some(names) = schema.get("propertyNames") {
            map.keys().for_each(|key| self.key_name(names, key, pointer));
        }
        let count = map.len() as u64;
        self.length(schema, ["minProperties", "maxProperties"], count, "field", pointer);
    }

    /// Reports an unknown field and returns the field that was probably intended.
    fn unknown_field(
        &mut self,
        schema: &'s Keywords,
        (map, meant, counterparts): (&Map<String, Value>, &[&str], &BTreeMap<&str, &'s str>),
        key: &str,
        pointer: &str,
    ) -> Option<&'s str> {
        let known = schema.get("properties").and_then(Value::as_object);
        let known: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let span = self.tree.key_span(&child(pointer, key));
        let message = format!("unknown field `{}` in {}", clip(key), self.name(pointer));
        // `{ a:1 }` is a key `a:1` without a value.
        let glued = key.split_once(':').filter(|(head, _)| known.contains(head));
        // A field that another key was intended as is not available either.
        let is_free = |name: &&str| !map.contains_key(*name) && !meant.contains(name);
        let near = nearest(key, known.iter().copied().filter(is_free));
        let sure = unmistakable(key, known.iter().copied());
        if let Some((head, tail)) = glued {
            let found = self.report(Code::UnknownField, message, span.clone(), "missing space after `:`");
            found.fix = Some(Fix { span, replacement: format!("{head}: {tail}") });
            return known.into_iter().find(|name| *name == head);
        }
        match near {
            Some(name) => {
                let found = self.report(Code::UnknownField, message, span.clone(), format!("did you mean `{name}`?"));
                found.fix = (sure == near).then(|| Fix { span, replacement: written(name) });
            }
            None if known.is_empty() => {
                self.report(Code::UnknownField, message, span, "no fields are permitted here");
            }
            None => {
                let missing = counterparts.get(key).copied();
                let label =
                    missing.map_or("unknown field".into(), |name| format!("did you mean the missing field `{name}`?"));
                let note = format!("known fields: {}", phrasing::all(&known));
                self.report(Code::UnknownField, message, span, label).notes.push(note);
                return missing;
            }
        }
        near
    }

    /// Pairs unknown fields with missing ones, in order, if there are as many of each: `from` and `to` instead of
    /// `source` and `target` are two mistakes, not four.
    fn counterparts<'m>(
        &self,
        schema: &'s Keywords,
        map: &'m Map<String, Value>,
        pointer: &str,
    ) -> BTreeMap<&'m str, &'s str> {
        let required = schema.get("required").map_or(&[][..], list).iter().filter_map(Value::as_str);
        let is_unknown = |key: &&String| of_key(schema, key).contains(&&Value::Bool(false));
        let mut unknown: Vec<&String> = map.keys().filter(is_unknown).collect();
        unknown.sort_by_cached_key(|key| self.tree.key_span(&child(pointer, key)).start);
        let missing: Vec<&str> = required.filter(|name| !map.contains_key(*name)).collect();
        match unknown.len() == missing.len() {
            true => unknown.into_iter().map(String::as_str).zip(missing).collect(),
            false => BTreeMap::new(),
        }
    }

    fn missing(&mut self, key: &str, pointer: &str) -> &mut Diagnostic {
        let place = match self.tree.key_span(pointer) {
            span if span == self.tree.span(pointer) => self.tree.first_line(span),
            key => key,
        };
        let message = format!("missing field `{}` in {}", clip(key), self.name(pointer));
        self.report(Code::MissingField, message, place, format!("requires `{key}`"))
    }

    fn key_name(&mut self, names: &'s Value, key: &str, pointer: &str) {
        if self.schema.fits(names, &Value::from(key)) {
            return;
        }
        let span = self.tree.key_span(&child(pointer, key));
        let branches = branches(self.schema, names);
        let known: Vec<&str> = branches.iter().flat_map(|branch| phrasing::words(branch)).collect();
        if !known.is_empty() {
            let message = format!("unknown key `{}` in {}", clip(key), self.name(pointer));
            return self.unknown_choice(&known, key, span, message);
        }
        let subject = format!("key of {}", self.name(pointer));
        if let Some(branch) = branches.first() {
            self.form(branch, &subject, span);
        }
    }

    fn items(&mut self, schema: &'s Keywords, items: &[Value], pointer: &str) {
        for (index, item) in items.iter().enumerate() {
            if let Some(part) = of_item(schema, index) {
                self.value(part, item, &format!("{pointer}/{index}"));
            }
        }
        self.length(schema, ["minItems", "maxItems"], items.len() as u64, "item", pointer);
        let twice = schema
            .get("uniqueItems")
            .filter(|wanted| !of_length("uniqueItems", wanted, items))
            .and_then(|_| repeated(items));
        if let Some(index) = twice {
            let message = format!("{} is a duplicate", self.name(&format!("{pointer}/{index}")));
            self.report(Code::WrongForm, message, self.place(&format!("{pointer}/{index}")), "repeated here");
        }
    }

    fn text(&mut self, schema: &'s Keywords, text: &str, pointer: &str) {
        self.length(schema, ["minLength", "maxLength"], text.chars().count() as u64, "character", pointer);
        if schema.get("pattern").is_some_and(|form| !of_form("pattern", form, text)) {
            let suggestion = self.suggestion(&[schema], &Value::from(text), self.written(pointer));
            let place = self.tree.span(pointer);
            let found = self.form(schema, &self.name(pointer), self.place(pointer));
            if let Some(Suggestion { label, text, is_sure, .. }) = suggestion {
                found.labels[0].text = label;
                found.fix = is_sure.then_some(Fix { span: place, replacement: text });
            }
        }
    }

    /// Reports a string that does not match `pattern`: in the words of `x-form`, or of the description.
    fn form(&mut self, schema: &'s Keywords, subject: &str, place: Span) -> &mut Diagnostic {
        let plain = format!("invalid format of {subject}");
        let word = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
        let notes = match word("x-form") {
            Some(_) => vec![],
            None => word("description").map(|text| format!("expected: {text}")).into_iter().collect(),
        };
        let message =
            word("x-form").map_or(plain.clone(), |form| message(&[format!("{subject} must be {form}"), plain]));
        let found = self.report(Code::WrongForm, message, place, "invalid format");
        found.notes = notes;
        found
    }

    fn limits(&mut self, schema: &Keywords, pointer: &str, keeps: impl Fn(&str, &Value) -> bool) {
        for (keyword, wanted) in schema.iter().filter(|(keyword, wanted)| !keeps(keyword, wanted)) {
            let limit = match keyword.as_str() {
                "minimum" => format!("at least {wanted}"),
                "maximum" => format!("at most {wanted}"),
                "exclusiveMinimum" => format!("more than {wanted}"),
                "exclusiveMaximum" => format!("less than {wanted}"),
                _ => format!("at most {}", i64::MAX),
            };
            let written = clip(&self.tree.source().text[self.tree.span(pointer)]);
            let message = format!("{} must be {limit}, found {written}", self.name(pointer));
            self.report(Code::OutOfRange, message, self.place(pointer), limit);
        }
    }

    fn length(&mut self, schema: &Keywords, [least, most]: [&str; 2], count: u64, unit: &str, pointer: &str) {
        let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
        let plural = |number: u64| if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") };
        let wanted = match (limit(least), limit(most)) {
            (Some(least), _) if count < least => format!("at least {}", plural(least)),
            (_, Some(most)) if count > most => format!("at most {}", plural(most)),
            _ => return,
        };
        let message = format!("{} must have {wanted}, found {count}", self.name(pointer));
        self.report(Code::OutOfRange, message, self.place(pointer), wanted);
    }

    fn unknown_value(&mut self, words: &[&str], value: &Value, pointer: &str) {
        let word = value.as_str().map_or_else(|| self.written(pointer).to_owned(), str::to_owned);
        let message = format!("unknown value `{}` of {}", clip(&word), self.name(pointer));
        self.unknown_choice(words, &word, self.place(pointer), message);
    }

    fn unknown_choice(&mut self, known: &[&str], word: &str, span: Span, message: String) {
        match nearest(word, known.iter().copied()) {
            Some(near) => {
                let is_sure = unmistakable(word, known.iter().copied()) == Some(near);
                let found = self.report(Code::UnknownChoice, message, span.clone(), format!("did you mean `{near}`?"));
                found.fix = is_sure.then(|| Fix { span, replacement: written(near) });
            }
            None => {
                let note = format!("expected {}", phrasing::any(known));
                self.report(Code::UnknownChoice, message, span, "unknown value").notes.push(note);
            }
        }
    }

    fn unknown_tag(&mut self, tag: &str, words: Vec<&'s str>, value: &Value, pointer: &str) {
        match value.get(tag) {
            Some(word) => self.unknown_value(&words, word, &child(pointer, tag)),
            None => {
                let note = format!("expected {}", phrasing::any(&words));
                self.missing(tag, pointer).notes.push(note);
            }
        }
    }

    fn unknown_variant(&mut self, keys: Vec<&'s str>, value: &Value, pointer: &str) {
        match value.as_object().and_then(|map| map.keys().next()) {
            Some(key) => {
                let message = format!("unknown field `{}` in {}", clip(key), self.name(pointer));
                self.unknown_choice(&keys, key, self.tree.key_span(&child(pointer, key)), message);
            }
            None => {
                let message = format!("{} is an empty mapping", self.name(pointer));
                let note = format!("expected {}", phrasing::any(&keys));
                self.report(Code::MissingField, message, self.place(pointer), "requires one field").notes.push(note);
            }
        }
    }

    fn wrong_type(&mut self, branches: &[&'s Keywords], value: &Value, pointer: &str) {
        let span = self.tree.span(pointer);
        let written = &self.tree.source().text[span.clone()];
        let (subject, wanted) = (self.name(pointer), phrasing::expected_types(branches));
        let found = phrasing::found(value, written);
        let message =
            message(&[format!("{subject} must be {wanted}, found {found}"), format!("{subject} must be {wanted}")]);
        let suggestion = self.suggestion(branches, value, written);
        let label =
            suggestion.as_ref().map(|found| found.label.clone()).or_else(|| tag_without_mapping(branches, value));
        let notes = if suggestion.is_none() { permitted_values(branches) } else { vec![] };
        let found = self.report(
            Code::WrongType,
            message,
            self.place(pointer),
            label.unwrap_or_else(|| format!("expected {wanted}")),
        );
        found.notes = notes;
        let sure = suggestion.filter(|suggestion| suggestion.is_sure);
        found.fix = sure.map(|suggestion| Fix { span, replacement: suggestion.text });
    }

    /// Returns the first suggestion that is valid.
    fn suggestion(&self, branches: &[&'s Keywords], value: &Value, written: &str) -> Option<Suggestion> {
        let tag = tag(&blocks(branches)).map(|(tag, _)| tag);
        let mut all = suggestions(value, written, tag).into_iter();
        all.find(|found| branches.iter().any(|branch| self.schema.keywords_fit(branch, &found.value)))
    }

    fn name(&self, pointer: &str) -> String {
        phrasing::name(self.tree, pointer)
    }

    /// Returns the source text of a value.
    fn written(&self, pointer: &str) -> &str {
        &self.tree.source().text[self.tree.span(pointer)]
    }

    /// Returns the span of the first line of a value, or of the key if the value is empty.
    fn place(&self, pointer: &str) -> Span {
        let span = self.tree.first_line(self.tree.span(pointer));
        if span.is_empty() { self.tree.key_span(pointer) } else { span }
    }

    fn report(
        &mut self,
        code: Code,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        self.found.push(Diagnostic::error(code, message, self.tree.source(), span, label));
        self.found.last_mut().expect("just pushed")
    }
}

fn blocks<'s>(branches: &[&'s Keywords]) -> Vec<&'s Keywords> {
    branches.iter().copied().filter(|branch| types(branch) == ["object"]).collect()
}

/// Returns a label for a value that is only the tag of a mapping.
fn tag_without_mapping(branches: &[&Keywords], value: &Value) -> Option<String> {
    let (tag, words) = tag(&blocks(branches))?;
    let word = value.as_str().filter(|word| words.contains(word))?;
    Some(format!("expected a mapping: `{{ {tag}: {word}, … }}`"))
}

fn permitted_values(branches: &[&Keywords]) -> Vec<String> {
    let known: Vec<&str> = branches.iter().flat_map(|branch| phrasing::words(branch)).collect();
    let form = branches.iter().find_map(|branch| branch.get("x-form")).and_then(Value::as_str).map(str::to_owned);
    let known = (!known.is_empty()).then(|| format!("expected {}", phrasing::any(&known)));
    form.map(|form| format!("expected {form}")).into_iter().chain(known).collect()
}
