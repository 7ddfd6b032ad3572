//! What all parts of the compiler share: the tree with its places, the diagnostics so far, and the small readers of
//! paths, templates, times and durations that tell their mistakes at the right place.

use super::expression::{Condition, ExpressionError, Prose};
use super::path::{Path, PathError};
use super::setting::SettingSpec;
use super::template::{Local, Part, Template, TemplateError};
use super::time::{TimeFormat, TimeFormatError, duration, exact};
use crate::diagnostic::{Code, Diagnostic, Fix, Severity};
use crate::profile::{DurationText, PathText, SettingType, TemplateText};
use crate::yaml::{Tree, nearest};
use jiff::SignedDuration;
use minijinja::value::Value;
use std::collections::BTreeSet;
use std::ops::Range;

/// A compilation under way. A part that has a mistake is told, gives `None`, and the rest is still read.
pub(super) struct Compiler<'t> {
    tree: &'t Tree,
    settings: Vec<SettingSpec>,
    used_settings: BTreeSet<String>,
    has_window: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Where a template stands, and so what it may name besides settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    secrets: bool,
    observable: bool,
    each: bool,
    locals: &'static [Local],
}

impl Place {
    /// Nowhere near a lookup.
    pub(super) const SETTING: Place = Place { secrets: false, observable: false, each: false, locals: &[] };
    /// In a lookup.
    pub(super) const REQUEST: Place = Place { observable: true, ..Self::SETTING };
    /// In a lookup with `for_each`.
    pub(super) const REQUEST_FOR_EACH: Place = Place { each: true, ..Self::REQUEST };
    /// In a request about a job.
    pub(super) const JOB: Place = Place { locals: &[Local::Job], ..Self::REQUEST };
    /// In `http.auth`: the one place for secrets.
    pub(super) const AUTH: Place = Place { secrets: true, ..Self::REQUEST };
    /// In what asks for a token.
    pub(super) const LOGIN: Place = Place { secrets: true, ..Self::SETTING };
    /// Where a token is used.
    pub(super) const TOKEN: Place = Place { locals: &[Local::Token], ..Self::LOGIN };
    /// In a text that is signed.
    pub(super) const SIGNED: Place =
        Place { locals: &[Local::Timestamp, Local::Path, Local::Method, Local::Query, Local::Body], ..Self::LOGIN };
    /// Where a signature is used.
    pub(super) const SIGNATURE: Place = Place { locals: &[Local::Timestamp, Local::Signature], ..Self::LOGIN };
}

impl<'t> Compiler<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        Self { tree, settings: vec![], used_settings: BTreeSet::new(), has_window: false, diagnostics: vec![] }
    }

    /// What texts may name.
    pub(super) fn declare(&mut self, settings: &[SettingSpec], has_window: bool) {
        self.settings = settings.to_vec();
        self.has_window = has_window;
    }

    /// Tells a mistake about the value at a pointer.
    pub(super) fn error(
        &mut self,
        code: Code,
        pointer: &str,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        self.error_at(code, self.place(pointer), message, label)
    }

    /// A value on one line as a whole; of a block of several lines the key that opens it.
    fn place(&self, pointer: &str) -> Range<usize> {
        let span = self.tree.span(pointer);
        let text = &self.tree.source().text[span.clone()];
        match text.find('\n') {
            None => span,
            Some(_) if self.tree.key_span(pointer) != span => self.tree.key_span(pointer),
            Some(line) => span.start..span.start + line,
        }
    }

    /// Tells what is probably not as meant.
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

    /// Tells a word that names nothing, and the known one that was probably meant.
    pub(super) fn unknown<'k>(
        &mut self,
        code: Code,
        place: Range<usize>,
        message: String,
        word: &str,
        known: impl Iterator<Item = &'k str>,
        otherwise: &str,
    ) -> &mut Diagnostic {
        let near = nearest(word, known);
        let label = near.map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"));
        let found = self.error_at(code, place.clone(), message, label);
        if let Some(near) = near {
            found.fix = Some(Fix { span: place, replacement: near.to_owned() });
        }
        found
    }

    /// Checks the path of a request: it is joined to the base URL, and its parameters stand elsewhere.
    pub(super) fn request_path(&mut self, path: &Template, pointer: &str) {
        let first = path.parts().first();
        if !matches!(first, Some(Part::Literal(text)) if text.starts_with('/')) {
            let start = self.span_within(pointer, 0..0);
            let found = self.error(Code::PathStart, pointer, "a request's path starts with `/`", "this one does not");
            *found = found.clone().fix(start, "/");
        }
        let literal = |part: &Part| matches!(part, Part::Literal(text) if text.contains(['?', '#']));
        if path.parts().iter().any(literal) {
            let label = "parameters stand in `query`, where values are encoded";
            self.error(Code::PathQuery, pointer, "a path has no `?` and no `#`", label);
        }
    }

    /// Reads a header's name (RFC 9110 §5.6.2).
    pub(super) fn header_name(&mut self, name: &str, place: Range<usize>) -> Option<String> {
        let is_sign = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let is_token = !name.is_empty() && name.bytes().all(is_sign);
        if !is_token {
            self.error_at(Code::HeaderName, place, format!("`{name}` is no header's name"), "named here");
        }
        is_token.then(|| name.to_owned())
    }

    /// Where a word stands inside a text, or the whole text.
    fn place_of(&self, pointer: &str, word: &str) -> Range<usize> {
        let span = self.tree.span(pointer);
        let inside = self.tree.source().text[span.clone()].find(word);
        inside.map_or(span.clone(), |at| span.start + at..span.start + at + word.len())
    }

    /// Whether some text names this setting.
    pub(super) fn uses_setting(&self, name: &str) -> bool {
        self.used_settings.contains(name)
    }

    /// The same, inside a text.
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

    /// The line a pointer's value stands on.
    pub(super) fn line(&self, pointer: &str) -> usize {
        self.tree.source().line(self.tree.span(pointer).start)
    }

    pub(super) fn path(&mut self, text: &PathText, pointer: &str) -> Option<Path> {
        match Path::parse(&text.0) {
            Ok(path) => Some(path),
            Err(PathError::Syntax(inside)) => {
                let found =
                    self.error_within(Code::PathSyntax, pointer, inside, "this is no JSONPath", "it breaks here");
                found.notes.push(
                    "a path starts with `$`; a name with other signs than letters, digits and `_` stands in `['…']`"
                        .into(),
                );
                None
            }
            Err(PathError::Searches) => {
                let found = self.error(Code::PathSearches, pointer, "a path may not search", "not a plain path");
                found.notes.push(
                    "paths are names and indexes, like `$.a.b[0]`; what must be searched for is said with `when`"
                        .into(),
                );
                None
            }
        }
    }

    pub(super) fn optional_path(&mut self, text: Option<&PathText>, pointer: &str) -> Option<Option<Path>> {
        text.map_or(Some(None), |text| self.path(text, pointer).map(Some))
    }

    /// Reads a template, and checks that all it names may stand here.
    pub(super) fn template(&mut self, text: &TemplateText, pointer: &str, place: Place) -> Option<Template> {
        let template = match Template::parse(&text.0) {
            Ok(template) => template,
            Err(TemplateError::Brace(inside)) => {
                let found =
                    self.error_within(Code::TemplateSyntax, pointer, inside, "a brace has no partner", "this one");
                found.notes.push("a brace that is meant as text is written twice".into());
                return None;
            }
            Err(TemplateError::Time(inside)) => {
                let message = "an end of the window does not say how it is written";
                let found = self.error_within(Code::TimeFormat, pointer, inside, message, "no format after a `:`");
                found.notes.push(
                    "such as `{window.start:%Y-%m-%d}` or `{window.start:epoch-seconds}`; a `query` also takes `{ from: window.start, format: …, zone: … }`".into(),
                );
                return None;
            }
            Err(TemplateError::Placeholder(name, inside)) => {
                let message = format!("there is no placeholder `{{{name}}}`");
                let found = self.error_within(Code::UnknownPlaceholder, pointer, inside, message, "not known");
                found.notes.push(
                    "placeholders are `{settings.NAME}`, `{observable.value}`, `{observable.type}` and `{each}`; `stixmap explain profile` lists the others".into(),
                );
                return None;
            }
        };
        let fits: Vec<bool> = template.parts().iter().map(|part| self.may_stand(part, pointer, place)).collect();
        fits.into_iter().all(|fits| fits).then_some(template)
    }

    fn may_stand(&mut self, part: &Part, pointer: &str, place: Place) -> bool {
        match part {
            Part::Literal(_) => true,
            Part::Setting(name) => self.may_use_setting(name, pointer, place),
            Part::Each if place.each => true,
            Part::Each => {
                let label = "nothing to take it from";
                self.error(Code::PlaceholderOutOfPlace, pointer, "`{each}` needs a `for_each` in its lookup", label);
                false
            }
            Part::Window(_) if place.observable && self.has_window => true,
            Part::Window(_) => {
                let (code, message, label) = match self.has_window {
                    true => {
                        (Code::PlaceholderOutOfPlace, "the window has no place here", "only settings may stand here")
                    }
                    false => (Code::WindowMissing, "the profile has no `window`", "an end of it is asked for here"),
                };
                self.error(code, pointer, message, label);
                false
            }
            Part::ObservableValue | Part::ObservableType | Part::ObservableExpanded | Part::ObservableReverse => {
                if !place.observable {
                    let label = "only settings may stand here";
                    self.error(Code::PlaceholderOutOfPlace, pointer, "the observable has no place here", label);
                }
                place.observable
            }
            Part::Local(local) if place.locals.contains(local) => true,
            Part::Local(local) => {
                let message = format!("`{{{}}}` is not known here", local.as_str());
                self.error(Code::PlaceholderOutOfPlace, pointer, message, "this request has none");
                false
            }
        }
    }

    fn may_use_setting(&mut self, name: &str, pointer: &str, place: Place) -> bool {
        let Some(kind) = self.setting(name).map(|spec| spec.kind) else {
            let message = format!("no setting is called `{name}`");
            let known: Vec<String> = self.settings.iter().map(|spec| spec.name.clone()).collect();
            let known = known.iter().map(String::as_str);
            let place = self.place_of(pointer, name);
            self.unknown(Code::UnknownSetting, place, message, name, known, "not declared in `settings`");
            return false;
        };
        self.used_settings.insert(name.to_owned());
        if kind == SettingType::Secret && !place.secrets {
            let message = format!("the secret `{name}` may only stand in `http.auth`");
            self.error(Code::SecretOutsideAuth, pointer, message, "it would be printed from here");
            return false;
        }
        true
    }

    pub(super) fn setting(&self, name: &str) -> Option<&SettingSpec> {
        self.settings.iter().find(|spec| spec.name == name)
    }

    /// Reads a value that is literal, or one setting of this type.
    pub(super) fn value_or_setting<T>(
        &mut self,
        text: &TemplateText,
        pointer: &str,
        kind: SettingType,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<ValueOrSetting<T>> {
        let template = self.template(text, pointer, Place::SETTING)?;
        let wanted = kind.wanted();
        if let Some(name) = template.only_setting() {
            let spec = self.setting(name)?;
            if spec.kind == kind && (spec.required || spec.default.is_some()) {
                return Some(ValueOrSetting::Setting(name.to_owned()));
            }
            let message = format!("the setting `{name}` does not always hold {wanted}");
            self.error(Code::SettingType, pointer, message, "used as one here")
                .notes
                .push(format!("it needs `type: {}`, and `required: true` or a `default`", kind_word(kind)));
            return None;
        }
        let value = template.as_literal().and_then(read);
        if value.is_none() {
            self.error(Code::WrongForm, pointer, format!("this is not {wanted}"), "not read as one");
        }
        value.map(ValueOrSetting::Value)
    }

    pub(super) fn duration(&mut self, text: &DurationText, pointer: &str) -> Option<SignedDuration> {
        let exact = duration(&text.0).and_then(exact);
        if exact.is_none() {
            let found = self.error(Code::WrongForm, pointer, "this is no exact duration", "not read as one");
            found.notes.push("write it like `PT30S`, `PT5M` or `P1D`; months and years have no exact length".into());
        }
        exact
    }

    pub(super) fn time_format(&mut self, format: &str, zone: Option<&str>, pointer: &str) -> Option<TimeFormat> {
        self.time_format_at(format, zone, pointer, "/format")
    }

    /// The same, of a format that does not stand at `format`.
    pub(super) fn time_format_at(
        &mut self,
        format: &str,
        zone: Option<&str>,
        pointer: &str,
        place: &str,
    ) -> Option<TimeFormat> {
        let at = |key: &str| if key == "format" { format!("{pointer}{place}") } else { format!("{pointer}/{key}") };
        match TimeFormat::parse(format, zone) {
            Ok(format) => Some(format),
            Err(TimeFormatError::Unknown) => {
                let message = format!("`{format}` is no way to write a time");
                let found = self.error(Code::TimeFormat, &at("format"), message, "not known");
                found.notes.push(
                    "`rfc3339`, `epoch-seconds`, `epoch-milliseconds`, or a pattern like `%Y-%m-%d %H:%M:%S`".into(),
                );
                None
            }
            Err(TimeFormatError::NoZone) => {
                let found = self.error(
                    Code::TimeZoneMissing,
                    &at("format"),
                    "this time format names no zone",
                    "in which zone?",
                );
                found
                    .notes
                    .push("say it beside it, for instance `zone: UTC`; a wrong zone shifts every time by hours".into());
                None
            }
            Err(TimeFormatError::UnknownZone(zone)) => {
                let message = format!("no time zone is called `{zone}`");
                self.error(Code::UnknownTimeZone, &at("zone"), message, "not in the IANA database");
                None
            }
        }
    }

    pub(super) fn condition(
        &mut self,
        text: &str,
        pointer: &str,
        names: &[&str],
        probe: impl Fn(&str) -> Value,
    ) -> Option<Condition> {
        Condition::parse(text, names, probe).map_err(|error| self.expression(error, text, pointer, names)).ok()
    }

    pub(super) fn prose(
        &mut self,
        text: &str,
        pointer: &str,
        names: &[&str],
        probe: impl Fn(&str) -> Value,
    ) -> Option<Prose> {
        Prose::parse(text, names, probe).map_err(|error| self.expression(error, text, pointer, names)).ok()
    }

    fn expression(&mut self, error: ExpressionError, text: &str, pointer: &str, names: &[&str]) {
        match error {
            ExpressionError::Syntax(detail, inside) => {
                self.error_within(Code::ExpressionSyntax, pointer, inside, "this is no MiniJinja", detail);
            }
            ExpressionError::UnknownFilter(detail, inside) => {
                let found = self.error_within(
                    Code::UnknownFilter,
                    pointer,
                    inside,
                    "there is no such filter, test or function",
                    detail,
                );
                let names: Vec<&str> = super::expression::FILTERS.iter().map(|filter| filter.name).collect();
                found.notes.push(format!("filters are {}", names.join(", ")));
            }
            ExpressionError::UnknownName(name) => {
                let start = text.find(&name).unwrap_or(0);
                let place = self.tree.span_within(pointer, start..start + name.len());
                let message = format!("no field is called `{name}`");
                let found =
                    self.unknown(Code::UnknownName, place, message, &name, names.iter().copied(), "not declared");
                found.notes.push(format!("it can read {}", names.join(", ")));
            }
            ExpressionError::NotBoolean(kind) => {
                let label = format!("gives a {kind}");
                self.error(Code::NotBoolean, pointer, "a condition is true or false", label);
            }
        }
    }
}

/// A value that stands in the profile, or is given by a setting that always has one.
#[derive(Debug, Clone)]
pub enum ValueOrSetting<T> {
    /// In the profile.
    Value(T),
    /// In this setting.
    Setting(String),
}

fn kind_word(kind: SettingType) -> &'static str {
    match kind {
        SettingType::String => "string",
        SettingType::Secret => "secret",
        SettingType::Tlp => "tlp",
        SettingType::Duration => "duration",
        SettingType::Integer => "integer",
        SettingType::Boolean => "boolean",
        SettingType::Url => "url",
    }
}
