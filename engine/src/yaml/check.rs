//! A tree against a JSON Schema as schemars writes it: every mistake at its place, in the reader's words, with the way out
//! where it is sure. The verdict itself is `schema`'s; here is told why.

use super::choice::{Keywords, Meant, branches, meant, tag};
use super::in_order;
use super::repair::{Repair, repairs};
use super::scalar::written;
use super::schema::{Schema, in_range, is, list, of_form, of_item, of_key, of_length, repeated, types};
use super::tree::{Tree, child};
use super::words::{self, clip, message, nearest};
use crate::diagnostic::{Code, Diagnostic, Fix, Span};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Every mistake, in order of place, each cause once. The schema is one of ours: its references resolve, and its patterns
/// keep to the usual subset of regular expressions; otherwise this panics.
pub fn check(tree: &Tree, schema: &Value) -> Vec<Diagnostic> {
    let mut check = Check { tree, schema: Schema::new(schema), found: vec![] };
    check.value(schema, tree.value(), "");
    in_order(check.found)
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
            let message = format!("{} does not go together as declared", self.name(pointer));
            self.say(Code::WrongForm, message, self.place(pointer), "this value");
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
            Meant::Branch(branch) => self.one(branch, value, pointer),
            Meant::Word(words) => self.unknown_word(&words, value, pointer),
            Meant::Tag(tag, words) => self.unknown_tag(tag, words, value, pointer),
            Meant::Key(keys) => self.unknown_variant(keys, value, pointer),
            Meant::Type => self.wrong_type(branches, value, pointer),
        }
    }

    fn one(&mut self, schema: &'s Keywords, value: &Value, pointer: &str) {
        let kinds = types(schema);
        if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind, value)) {
            return self.wrong_type(&[schema], value, pointer);
        }
        let words = words::words(schema);
        if !words.is_empty() {
            return self.unknown_word(&words, value, pointer);
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

    /// What a declaration is put together of: an enum's variant that holds a struct, a struct with a flattened one.
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
        // A key that is nearly right is not missing as well.
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

    /// The field that was probably meant.
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
        let message = format!("{} has no field `{}`", self.name(pointer), clip(key));
        // `{ a:1 }` is a key `a:1` without a value.
        let glued = key.split_once(':').filter(|(head, _)| known.contains(head));
        // What another key was taken for is not free either.
        let is_free = |name: &&str| !map.contains_key(*name) && !meant.contains(name);
        let near = nearest(key, known.iter().copied().filter(is_free));
        if let Some((head, tail)) = glued {
            let found = self.say(Code::UnknownField, message, span.clone(), "a space is missing after `:`");
            found.fix = Some(Fix { span, replacement: format!("{head}: {tail}") });
            return known.into_iter().find(|name| *name == head);
        }
        match near {
            Some(name) => {
                let found = self.say(Code::UnknownField, message, span.clone(), format!("did you mean `{name}`?"));
                found.fix = Some(Fix { span, replacement: written(name) });
            }
            None if known.is_empty() => {
                self.say(Code::UnknownField, message, span, "it has no fields");
            }
            None => {
                let missing = counterparts.get(key).copied();
                let label = missing.map_or("not known here".into(), |name| format!("`{name}` is missing: is this it?"));
                let note = format!("it can have {}", words::all(&known));
                self.say(Code::UnknownField, message, span, label).notes.push(note);
                return missing;
            }
        }
        near
    }

    /// Where a block lacks as many fields as it has unknown ones, these are taken for those, in order: `from` and `to` for
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
        let message = format!("`{}` is missing in {}", clip(key), self.name(pointer));
        self.say(Code::MissingField, message, place, format!("needs `{key}`"))
    }

    fn key_name(&mut self, names: &'s Value, key: &str, pointer: &str) {
        if self.schema.fits(names, &Value::from(key)) {
            return;
        }
        let span = self.tree.key_span(&child(pointer, key));
        let branches = branches(self.schema, names);
        let known: Vec<&str> = branches.iter().flat_map(|branch| words::words(branch)).collect();
        if !known.is_empty() {
            return self.unknown_choice(&known, key, span, format!("a key of {}", self.name(pointer)));
        }
        let subject = format!("a key of {}", self.name(pointer));
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
            let message = format!("{} stands in the list twice", self.name(&format!("{pointer}/{index}")));
            self.say(Code::WrongForm, message, self.place(&format!("{pointer}/{index}")), "again");
        }
    }

    fn text(&mut self, schema: &'s Keywords, text: &str, pointer: &str) {
        self.length(schema, ["minLength", "maxLength"], text.chars().count() as u64, "character", pointer);
        if schema.get("pattern").is_some_and(|form| !of_form("pattern", form, text)) {
            let repair = self.repair(&[schema], &Value::from(text), self.written(pointer));
            let place = self.tree.span(pointer);
            let found = self.form(schema, &self.name(pointer), self.place(pointer));
            if let Some(Repair { label, text, .. }) = repair {
                found.labels[0].text = label;
                found.fix = Some(Fix { span: place, replacement: text });
            }
        }
    }

    /// A text that is not what `pattern` says: in the words of `x-form`, or of the description.
    fn form(&mut self, schema: &'s Keywords, subject: &str, place: Span) -> &mut Diagnostic {
        let plain = format!("{subject} is not written as it must be");
        let word = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
        let notes = match word("x-form") {
            Some(_) => vec![],
            None => word("description").map(|text| format!("what it is: {text}")).into_iter().collect(),
        };
        let message = word("x-form").map_or(plain.clone(), |form| message(&[format!("{subject} takes {form}"), plain]));
        let found = self.say(Code::WrongForm, message, place, "not of this form");
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
            let message = format!("{} takes {limit}, not {written}", self.name(pointer));
            self.say(Code::OutOfRange, message, self.place(pointer), limit);
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
        let message = format!("{} takes {wanted}, not {count}", self.name(pointer));
        self.say(Code::OutOfRange, message, self.place(pointer), wanted);
    }

    fn unknown_word(&mut self, words: &[&str], value: &Value, pointer: &str) {
        let word = value.as_str().map_or_else(|| self.written(pointer).to_owned(), str::to_owned);
        self.unknown_choice(words, &word, self.place(pointer), self.name(pointer));
    }

    fn unknown_choice(&mut self, known: &[&str], word: &str, span: Span, subject: String) {
        let message = format!("{subject} cannot be `{}`", clip(word));
        match nearest(word, known.iter().copied()) {
            Some(near) => {
                let found = self.say(Code::UnknownChoice, message, span.clone(), format!("did you mean `{near}`?"));
                found.fix = Some(Fix { span, replacement: written(near) });
            }
            None => {
                let note = format!("it can be {}", words::any(known));
                self.say(Code::UnknownChoice, message, span, "not known here").notes.push(note);
            }
        }
    }

    fn unknown_tag(&mut self, tag: &str, words: Vec<&'s str>, value: &Value, pointer: &str) {
        match value.get(tag) {
            Some(word) => self.unknown_word(&words, word, &child(pointer, tag)),
            None => {
                let note = format!("it can be {}", words::any(&words));
                self.missing(tag, pointer).notes.push(note);
            }
        }
    }

    fn unknown_variant(&mut self, keys: Vec<&'s str>, value: &Value, pointer: &str) {
        match value.as_object().and_then(|map| map.keys().next()) {
            Some(key) => self.unknown_choice(&keys, key, self.tree.key_span(&child(pointer, key)), self.name(pointer)),
            None => {
                let message = format!("{} is an empty block", self.name(pointer));
                let note = format!("it holds {}", words::any(&keys));
                self.say(Code::MissingField, message, self.place(pointer), "one field is missing").notes.push(note);
            }
        }
    }

    fn wrong_type(&mut self, branches: &[&'s Keywords], value: &Value, pointer: &str) {
        let span = self.tree.span(pointer);
        let written = &self.tree.source().text[span.clone()];
        let (subject, wanted) = (self.name(pointer), words::wanted(branches));
        let found = words::found(value, written);
        let message = message(&[format!("{subject} takes {wanted}, {found}"), format!("{subject} takes {wanted}")]);
        let repair = self.repair(branches, value, written);
        let label = repair.as_ref().map(|repair| repair.label.clone()).or_else(|| kind_alone(branches, value));
        let notes = if repair.is_none() { what_fits(branches) } else { vec![] };
        let verb = if value.is_null() && written.is_empty() { "needs" } else { "not" };
        let found = self.say(
            Code::WrongType,
            message,
            self.place(pointer),
            label.unwrap_or_else(|| format!("{verb} {wanted}")),
        );
        found.notes = notes;
        found.fix = repair.map(|repair| Fix { span, replacement: repair.text });
    }

    /// The first repair that leaves nothing to say.
    fn repair(&self, branches: &[&'s Keywords], value: &Value, written: &str) -> Option<Repair> {
        let tag = tag(&blocks(branches)).map(|(tag, _)| tag);
        let mut all = repairs(value, written, tag).into_iter();
        all.find(|repair| branches.iter().any(|branch| self.schema.keywords_fit(branch, &repair.value)))
    }

    fn name(&self, pointer: &str) -> String {
        words::name(self.tree, pointer)
    }

    /// How a value stands in the source.
    fn written(&self, pointer: &str) -> &str {
        &self.tree.source().text[self.tree.span(pointer)]
    }

    /// The first line of a value; the key where the value is empty.
    fn place(&self, pointer: &str) -> Span {
        let span = self.tree.first_line(self.tree.span(pointer));
        if span.is_empty() { self.tree.key_span(pointer) } else { span }
    }

    fn say(&mut self, code: Code, message: impl Into<String>, span: Span, label: impl Into<String>) -> &mut Diagnostic {
        self.found.push(Diagnostic::error(code, message, self.tree.source(), span, label));
        self.found.last_mut().expect("just pushed")
    }
}

fn blocks<'s>(branches: &[&'s Keywords]) -> Vec<&'s Keywords> {
    branches.iter().copied().filter(|branch| types(branch) == ["object"]).collect()
}

/// The kind of a block without the block.
fn kind_alone(branches: &[&Keywords], value: &Value) -> Option<String> {
    let (tag, words) = tag(&blocks(branches))?;
    let word = value.as_str().filter(|word| words.contains(word))?;
    Some(format!("a block starts with it: `{{ {tag}: {word}, … }}`"))
}

fn what_fits(branches: &[&Keywords]) -> Vec<String> {
    let known: Vec<&str> = branches.iter().flat_map(|branch| words::words(branch)).collect();
    let form = branches.iter().find_map(|branch| branch.get("x-form")).and_then(Value::as_str).map(str::to_owned);
    let known = (!known.is_empty()).then(|| format!("it can be {}", words::any(&known)));
    form.map(|form| format!("it is {form}")).into_iter().chain(known).collect()
}
