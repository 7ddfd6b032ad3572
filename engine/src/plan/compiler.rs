//! Shared state of the compiler: the YAML tree with locations, the diagnostics found, and parsers of texts that report
//! mistakes at the exact location.

mod expressions;
mod templates;
mod times;

use super::path::{Path, PathError};
use super::setting::SettingSpec;
use super::standard_fields::{FIELDS, is_standard};
use super::template::{Local, Part, Template, placeholders};
use crate::diagnostic::{Code, Diagnostic, Fix, Severity};
use crate::profile::{PathText, SettingType, TemplateText};
use crate::yaml::{Tree, child, nearest, unmistakable};
use std::collections::BTreeSet;
use std::ops::Range;
use url::Url;

/// Headers of the connection and of the body, in lower case.
const RESERVED_HEADERS: [&str; 14] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// A compilation in progress. A part with a mistake is reported and yields `None`; the remaining parts are still
/// compiled.
pub(super) struct Compiler<'t> {
    tree: &'t Tree,
    settings: Vec<SettingSpec>,
    used_settings: BTreeSet<String>,
    has_window: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Names that diagnostics suggest.
    suggested: BTreeSet<String>,
}

/// Context of a template, which determines the permitted placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TemplateContext {
    secrets: bool,
    observable: bool,
    each: bool,
    locals: &'static [Local],
}

impl TemplateContext {
    /// Outside of lookups.
    pub(super) const SETTING: TemplateContext =
        TemplateContext { secrets: false, observable: false, each: false, locals: &[] };
    /// In a lookup.
    pub(super) const REQUEST: TemplateContext = TemplateContext { observable: true, ..Self::SETTING };
    /// In a lookup with `for_each`.
    pub(super) const REQUEST_FOR_EACH: TemplateContext = TemplateContext { each: true, ..Self::REQUEST };
    /// In a request about a job.
    pub(super) const JOB: TemplateContext = TemplateContext { locals: &[Local::Job], ..Self::REQUEST };
    /// In `http.auth`, the only position where secrets are permitted.
    pub(super) const AUTH: TemplateContext = TemplateContext { secrets: true, ..Self::REQUEST };
    /// In a token request.
    pub(super) const LOGIN: TemplateContext = TemplateContext { secrets: true, ..Self::SETTING };
    /// In a value that carries the token.
    pub(super) const TOKEN: TemplateContext = TemplateContext { locals: &[Local::Token], ..Self::LOGIN };
    /// In a text that is signed.
    pub(super) const SIGNED: TemplateContext = TemplateContext {
        locals: &[Local::Timestamp, Local::Path, Local::Method, Local::Query, Local::Body],
        ..Self::LOGIN
    };
    /// In a value that carries the signature.
    pub(super) const SIGNATURE: TemplateContext =
        TemplateContext { locals: &[Local::Timestamp, Local::Signature], ..Self::LOGIN };
}

impl<'t> Compiler<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        Self {
            tree,
            settings: vec![],
            used_settings: BTreeSet::new(),
            has_window: false,
            diagnostics: vec![],
            suggested: BTreeSet::new(),
        }
    }

    /// Declares the settings and the window that templates can refer to.
    pub(super) fn declare(&mut self, settings: &[SettingSpec], has_window: bool) {
        self.settings = settings.to_vec();
        self.has_window = has_window;
    }

    /// Returns the profile as JSON data.
    pub(super) fn value(&self) -> &serde_json::Value {
        self.tree.value()
    }

    /// Returns whether the profile contains a value at a pointer.
    pub(super) fn is_written(&self, pointer: &str) -> bool {
        self.tree.has(pointer)
    }

    /// Reports an error about the value at a pointer.
    pub(super) fn error(
        &mut self,
        code: Code,
        pointer: &str,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        self.error_at(code, self.place(pointer), message, label)
    }

    /// Returns the location of a value: the whole value if it is on one line, the key of a block of several lines.
    fn place(&self, pointer: &str) -> Range<usize> {
        let span = self.tree.span(pointer);
        let text = &self.tree.source().text[span.clone()];
        match text.find('\n') {
            None => span,
            Some(_) if self.tree.key_span(pointer) != span => self.tree.key_span(pointer),
            Some(line) => span.start..span.start + line,
        }
    }

    /// Reports an error about the key at a pointer, not about its value.
    pub(super) fn error_at_key(
        &mut self,
        code: Code,
        pointer: &str,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        self.error_at(code, self.tree.key_span(pointer), message, label)
    }

    /// Reports a warning about the value at a pointer.
    pub(super) fn warning(
        &mut self,
        code: Code,
        pointer: &str,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        let found = self.error(code, pointer, message, label);
        found.severity = Severity::Warning;
        found
    }

    /// Reports an unknown name, and suggests the nearest known one.
    pub(super) fn unknown<'k>(
        &mut self,
        code: Code,
        place: Range<usize>,
        message: String,
        word: &str,
        known: impl Iterator<Item = &'k str>,
        otherwise: &str,
    ) -> &mut Diagnostic {
        let known: Vec<&str> = known.collect();
        let near = Near::of(word, &known);
        let label = near.label(otherwise);
        // A fix replaces the whole location: there is none if the name is only part of a value.
        let written = &self.tree.source().text[place.clone()];
        let is_whole = written.trim_matches(['"', '\'']) == word;
        let fix =
            near.sure().filter(|_| is_whole).map(|name| Fix { span: place.clone(), replacement: name.to_owned() });
        let found = self.error_at(code, place, message, label);
        found.fix = fix;
        found
    }

    /// Validates the path of a request, which is appended to the base URL and has no query.
    pub(super) fn request_path(&mut self, path: &Template, pointer: &str) {
        let first = path.parts().first();
        if !matches!(first, Some(Part::Literal(text)) if text.starts_with('/')) {
            let is_url = matches!(first, Some(Part::Literal(text)) if text.contains("://"));
            let label = if is_url { "this is a URL; put its origin in `http.base_url`" } else { "missing `/`" };
            let start = self.span_within(pointer, 0..0);
            let found = self.error(Code::PathStart, pointer, "a request path must start with `/`", label);
            found.fix = (!is_url).then(|| Fix { span: start, replacement: "/".to_owned() });
        }
        let literal = |part: &Part| matches!(part, Part::Literal(text) if text.contains(['?', '#']));
        if path.parts().iter().any(literal) {
            let label = "put parameters in `query`, which encodes their values";
            self.error(Code::PathQuery, pointer, "a request path must not contain `?` or `#`", label);
            return;
        }
        let text: String =
            path.parts().iter().map(|part| if let Part::Literal(text) = part { text.as_str() } else { "x" }).collect();
        let sent = Url::parse(&format!("https://example.net{text}"));
        if text.starts_with('/') && sent.is_ok_and(|sent| sent.path() != text) {
            let found = self.error(
                Code::PathNormal,
                pointer,
                "invalid request path: it would be changed before it is sent",
                "not normalized",
            );
            found.notes.push(
                "`.` and `..` segments, spaces and `\\` are not permitted; percent-encode other characters, like `%20`"
                    .into(),
            );
        }
    }

    /// Parses a header name (RFC 9110 §5.6.2).
    pub(super) fn header_name(&mut self, name: &str, place: Range<usize>) -> Option<String> {
        let is_sign = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let is_token = !name.is_empty() && name.bytes().all(is_sign);
        if !is_token {
            self.error_at(Code::HeaderName, place, format!("invalid header name `{name}`"), "invalid characters");
        }
        is_token.then(|| name.to_owned())
    }

    /// Parses the name of a request header. Headers of the connection, the body and proxies are reserved: they could
    /// contradict the request or redirect it (RFC 9110 §7.6.1, RFC 9112 §6).
    pub(super) fn sent_header(&mut self, name: &str, place: Range<usize>) -> Option<String> {
        let name = self.header_name(name, place.clone())?;
        // Some servers read `_` as `-`.
        let lower = name.to_ascii_lowercase().replace('_', "-");
        let is_reserved = RESERVED_HEADERS.contains(&lower.as_str()) || lower.starts_with("proxy-");
        if is_reserved {
            let label = "set by the HTTP client";
            self.error_at(Code::HeaderReserved, place, format!("the header `{name}` is reserved"), label);
        }
        (!is_reserved).then_some(name)
    }

    /// Returns whether a template refers to this setting, or may refer to it because it could not be parsed.
    pub(super) fn uses_setting(&self, name: &str) -> bool {
        let is_written = || self.tree.source().text.contains(&format!("settings.{name}"));
        self.used_settings.contains(name) || !self.diagnostics.is_empty() && is_written()
    }

    /// Returns whether a mistake with this code was reported.
    pub(super) fn has(&self, code: Code) -> bool {
        self.diagnostics.iter().any(|found| found.code == code)
    }

    /// Returns whether a mistake was reported at the key of a pointer.
    pub(super) fn has_error_at_key(&self, pointer: &str) -> bool {
        let key = self.tree.key_span(pointer);
        self.diagnostics.iter().any(|found| found.labels[0].span == key)
    }

    /// Returns whether a diagnostic suggests this name: it is then not reported as unused.
    pub(super) fn suggests(&self, name: &str) -> bool {
        self.suggested.contains(name)
    }

    /// Reports a reference to a setting or field that is not declared at `block`, and suggests the nearest declared
    /// name. There is a fix only for a name of the language: of two names of the author, either can be the misspelled
    /// one, or both are meant. If the declared one is never used, both places are shown.
    pub(super) fn unknown_reference(
        &mut self,
        (code, block): (Code, &str),
        place: Range<usize>,
        (word, fix): (&str, impl FnOnce(&Self, &str) -> Option<Fix>),
        known: &[&str],
    ) -> &mut Diagnostic {
        let what = block.rsplit('/').next().unwrap_or_default().trim_end_matches('s');
        let near = Near::of(word, known);
        let is_of_language =
            |name: &&str| block == FIELDS && is_standard(name) || !self.is_written(&child(block, name));
        let fix = near.sure().filter(is_of_language).and_then(|name| fix(self, name));
        let own = near.name.filter(|name| !is_of_language(name) && self.occurrences(name) == 1);
        let declaration = own.map(|name| self.key_span(&child(block, name)));
        self.suggested.extend(near.name.map(str::to_owned));
        let unknown = format!("unknown {what}");
        let found = self.error_at(code, place, format!("{unknown} `{word}`"), near.label(&unknown));
        found.fix = fix;
        if let Some(declaration) = declaration {
            *found = found.clone().also(declaration, "declared with this name, and never used");
        }
        found
    }

    /// Reports an error about a part of the text at a pointer.
    pub(super) fn error_within(
        &mut self,
        code: Code,
        pointer: &str,
        inside: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        self.error_at(code, self.tree.span_within(pointer, inside), message, label)
    }

    fn error_at(
        &mut self,
        code: Code,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::error(code, message, self.tree.source(), span, label));
        self.diagnostics.last_mut().expect("just pushed")
    }

    pub(super) fn span(&self, pointer: &str) -> Range<usize> {
        self.tree.span(pointer)
    }

    pub(super) fn key_span(&self, pointer: &str) -> Range<usize> {
        self.tree.key_span(pointer)
    }

    pub(super) fn span_within(&self, pointer: &str, inside: Range<usize>) -> Range<usize> {
        self.tree.span_within(pointer, inside)
    }

    /// Counts occurrences of a name in the profile, as a key or as a word of a text.
    pub(super) fn occurrences(&self, name: &str) -> usize {
        occurrences(self.tree.value(), name)
    }

    /// Returns the line of the value at a pointer.
    pub(super) fn line(&self, pointer: &str) -> usize {
        self.tree.source().line(self.tree.span(pointer).start)
    }

    pub(super) fn path(&mut self, text: &PathText, pointer: &str) -> Option<Path> {
        match Path::parse(&text.0) {
            Ok(path) => Some(path),
            Err(PathError::Syntax(inside)) => {
                let (label, fix) = self.suggest_path(text, pointer, "unexpected here");
                let found = self.error_within(Code::PathSyntax, pointer, inside, "invalid JSONPath", label);
                found.fix = fix;
                found.notes.push(
                    "a path starts with `$`; write names with characters other than letters, digits and `_` as `['…']`"
                        .into(),
                );
                None
            }
            Err(PathError::Searches) => {
                let (label, fix) = self.suggest_path(text, pointer, "this path can match several values");
                let found = self.error(Code::PathSearches, pointer, "a path must consist of names and indexes", label);
                found.fix = fix;
                found.notes.push("write a path like `$.a.b[0]`; select rows with `only`, `except` or `when`".into());
                None
            }
        }
    }

    /// Suggests the path that was probably meant, as a phrase and as a fix.
    fn suggest_path(&self, text: &PathText, pointer: &str, otherwise: &str) -> (String, Option<Fix>) {
        match Path::suggest(&text.0, pointer.ends_with("/records")) {
            Some(path) => {
                let span = self.tree.exact_span_within(pointer, 0..text.0.len()).map(|_| self.tree.span(pointer));
                let fix = span.map(|span| Fix { span, replacement: in_yaml(&path) });
                (format!("did you mean `{path}`?"), fix)
            }
            None => (otherwise.to_owned(), None),
        }
    }

    pub(super) fn optional_path(&mut self, text: Option<&PathText>, pointer: &str) -> Option<Option<Path>> {
        text.map_or(Some(None), |text| self.path(text, pointer).map(Some))
    }

    /// Returns a fix for a part of a text, if its location in the source is exact.
    pub(super) fn replacement(&self, pointer: &str, inside: &Range<usize>, word: &str) -> Option<Fix> {
        let span = self.tree.exact_span_within(pointer, inside.clone())?;
        Some(Fix { span, replacement: word.to_owned() })
    }

    pub(super) fn setting(&self, name: &str) -> Option<&SettingSpec> {
        self.settings.iter().find(|spec| spec.name == name)
    }

    /// Parses a literal value, or a reference to one setting of this type.
    pub(super) fn value_or_setting<T>(
        &mut self,
        text: &TemplateText,
        pointer: &str,
        kind: SettingType,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<ValueOrSetting<T>> {
        let template = self.template(text, pointer, TemplateContext::SETTING)?;
        let wanted = kind.wanted();
        if let Some(name) = template.only_setting() {
            let spec = self.setting(name)?;
            if spec.kind == kind && (spec.required || spec.default.is_some()) {
                return Some(ValueOrSetting::Setting(name.to_owned()));
            }
            let message = format!("the setting `{name}` is not always {wanted}");
            self.error(Code::SettingType, pointer, message, "required here")
                .notes
                .push(format!("declare it with `type: {}`, and `required: true` or a `default`", type_name(kind)));
            return None;
        }
        let value = template.as_literal().and_then(read);
        if value.is_none() {
            self.error(Code::WrongForm, pointer, format!("invalid value: expected {wanted}"), "invalid value");
        }
        value.map(ValueOrSetting::Value)
    }
}

fn occurrences(value: &serde_json::Value, name: &str) -> usize {
    let is_of_word = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    let words = |text: &str| text.split(|sign| !is_of_word(sign)).filter(|word| *word == name).count();
    match value {
        serde_json::Value::String(text) => words(text),
        serde_json::Value::Array(items) => items.iter().map(|item| occurrences(item, name)).sum(),
        serde_json::Value::Object(fields) => {
            fields.iter().map(|(key, value)| usize::from(key == name) + occurrences(value, name)).sum()
        }
        _ => 0,
    }
}

/// Quotes a path for YAML: brackets would start a list.
fn in_yaml(path: &str) -> String {
    let is_bare = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"$._".contains(&b));
    if is_bare { path.to_owned() } else { format!("\"{path}\"") }
}

/// Common names of the observable.
const OBSERVABLE_WORDS: [&str; 11] =
    ["observable", "value", "domain", "ip", "host", "hostname", "name", "address", "query", "indicator", "q"];

/// A known name that a misspelled one is probably intended as.
struct Near<'k> {
    name: Option<&'k str>,
    is_sure: bool,
}

impl<'k> Near<'k> {
    fn of(word: &str, known: &[&'k str]) -> Self {
        let name = nearest(word, known.iter().copied());
        Self { name, is_sure: name.is_some() && unmistakable(word, known.iter().copied()) == name }
    }

    fn sure(&self) -> Option<&'k str> {
        self.name.filter(|_| self.is_sure)
    }

    fn label(&self, otherwise: &str) -> String {
        self.name.map_or_else(|| otherwise.to_owned(), |name| format!("did you mean `{name}`?"))
    }
}

/// Suggests a placeholder, and whether it is certain: the nearest one, or the setting with this name.
fn suggest_placeholder(name: &str, settings: &[String]) -> Option<(String, bool)> {
    let name = name.trim();
    let own = settings.iter().find(|known| known.strip_prefix("settings.") == Some(name));
    let mut known: Vec<&str> = placeholders().collect();
    known.extend(settings.iter().map(String::as_str));
    let alone = OBSERVABLE_WORDS.contains(&name).then_some("observable.value");
    let near = Near::of(name, &known);
    // Another setting than the one of this name is a reference to something else.
    let is_sure = near.is_sure && near.name.is_some_and(|near| !near.starts_with("settings."));
    let suggested = own.map(String::as_str).or(alone);
    let is_own = own.is_some() && alone.is_none();
    suggested.map(|name| (name.to_owned(), is_own)).or_else(|| near.name.map(|name| (name.to_owned(), is_sure)))
}

/// A literal value, or a reference to a setting that always has one.
#[derive(Debug, Clone)]
pub enum ValueOrSetting<T> {
    /// The literal value in the profile.
    Value(T),
    /// The name of the setting.
    Setting(String),
}

fn type_name(kind: SettingType) -> &'static str {
    match kind {
        SettingType::String => "string",
        SettingType::Secret => "secret",
        SettingType::Tlp => "tlp",
        SettingType::Pap => "pap",
        SettingType::Duration => "duration",
        SettingType::Integer => "integer",
        SettingType::Boolean => "boolean",
        SettingType::Url => "url",
    }
}
