//! Compiled fields and orientation: how a row is converted to a record.

use super::comparison::{Relation, Values, never_equal};
use super::compiler::Compiler;
use super::expression::{Condition, Prose};
use super::path::Path;
use super::standard_fields::{FIELDS, MAIN, ROLES, is_standard};
use super::time::TimeFormat;
use crate::diagnostic::{Code, Span};
use crate::dns::{NOT_PUBLIC, Name, RrType, Scope, parse_address};
use crate::profile::{
    Field, FieldSource, FieldType, OneOrMany, Orientation, OtherNames, RdataAs, RecordBlock, Scalar, Take,
};
use crate::stix::Tlp;
use crate::yaml::{child, nearest};
use minijinja::value::Value;
use std::collections::BTreeMap;

/// How rows are converted to records.
#[derive(Debug)]
pub struct RecordPlan {
    /// Fields, ordered by name; other parts refer to them by index.
    pub fields: Vec<FieldPlan>,
    /// Orientation rows; the last one has no condition.
    pub orientation: Vec<OrientationPlan>,
    /// Index of the field with the record type.
    pub rrtype: usize,
    /// Indexes of the fields in [`ROLES`], in that order.
    pub roles: [Option<usize>; ROLES.len()],
    /// Maximum share of bad records, in percent.
    pub bad_at_most: u64,
    /// How records about other names are handled.
    pub other_names: OtherNames,
    /// Scopes of addresses whose records are dropped: the non-public ones, and those that the profile adds.
    pub drop_addresses: Vec<Scope>,
}

/// Reports a misspelled field name of the Common Output Format, and continues with the correct name, so that uses of it
/// are not reported too.
pub(super) fn correct_field_names(compiler: &mut Compiler, block: &mut RecordBlock) {
    for name in MAIN.into_iter().chain(ROLES.map(|(name, _)| name)) {
        let Some(misspelled) = misspelling(compiler, block, name) else { continue };
        let key = child("/record/fields", &misspelled);
        let (place, message) = (compiler.key_span(&key), format!("unknown field `{misspelled}`"));
        compiler.unknown(Code::UnknownName, place, message, &misspelled, std::iter::once(name), "unused");
        let field = block.fields.remove(&misspelled).expect("it is one of the fields");
        block.fields.insert(name.to_owned(), field);
    }
}

/// Returns the declared field that is probably a misspelling of `name`: it is not used, but `name` is.
fn misspelling(compiler: &Compiler, block: &RecordBlock, name: &str) -> Option<String> {
    let uses = |word: &str| compiler.occurrences(word);
    let is_needed = name == "rrtype" || uses(name) > 0 || block.orientation.is_empty() && MAIN.contains(&name);
    if block.fields.contains_key(name) || !is_needed {
        return None;
    }
    let unread = block.fields.keys().map(String::as_str).filter(|field| !is_standard(field) && uses(field) == 1);
    nearest(name, unread).map(str::to_owned)
}

/// A typed value of a row.
#[derive(Debug)]
pub struct FieldPlan {
    /// Name of the field in the profile.
    pub name: String,
    /// Location of the field's path, or of its declaration.
    pub span: Span,
    /// Where the value is read from.
    pub source: Source,
    /// Type that the value must have.
    pub kind: FieldType,
    /// Time formats of a timestamp; the first that matches applies.
    pub formats: Vec<TimeFormat>,
    /// Which time applies if several paths lead to one.
    pub take: Take,
    /// Whether the value may be absent or null.
    pub optional: bool,
    /// Values that mean "no value".
    pub none_when: Vec<Scalar>,
    /// Maps the provider's values to standard ones.
    pub aliases: BTreeMap<String, String>,
    /// Separator between several data values in one text.
    pub split: Option<String>,
    /// Suffix of relative names, if names are relative.
    pub relative_to: Option<Operand>,
}

/// Where the value of a field is read from. The first path that leads to a value applies.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Paths relative to the row.
    Row(Vec<Path>),
    /// Number of levels above the row, and paths relative to that level.
    Above(usize, Vec<Path>),
    /// Paths relative to the whole response.
    Answer(Vec<Path>),
    /// Key of the row (0), or of the level that many steps above it.
    Key(usize),
    /// Current value of the request's `{each}`.
    Each,
    /// Value of the queried observable.
    Observable,
    /// Response header with this name.
    Header(String),
    /// Constant from the profile.
    Constant(serde_json::Value),
}

impl Source {
    /// Returns the paths of the source, if it has any.
    pub fn paths(&self) -> &[Path] {
        match self {
            Self::Row(paths) | Self::Above(_, paths) | Self::Answer(paths) => paths,
            Self::Key(_) | Self::Each | Self::Observable | Self::Header(_) | Self::Constant(_) => &[],
        }
    }
}

/// Which operand is the owner name and which is the data.
#[derive(Debug)]
pub struct OrientationPlan {
    /// Condition under which the row applies.
    pub when: Option<Condition>,
    /// Operand that is the owner name.
    pub rrname: Operand,
    /// Operand that is the data.
    pub rdata: Operand,
    /// Interpretation of the data, if its text alone does not determine it.
    pub rdata_as: Option<RdataAs>,
}

/// Source of one side of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// The queried observable.
    Observable,
    /// Index of a field.
    Field(usize),
}

pub(super) fn record(compiler: &mut Compiler, block: &RecordBlock) -> Option<RecordPlan> {
    let fields: Vec<_> = block.fields.iter().map(|(name, field)| self::field(compiler, block, name, field)).collect();
    let orientation = orientations(compiler, block);
    let is_type = |field: &Field| matches!(field.kind, FieldType::Rrtype | FieldType::RrtypeOfAddress);
    let rrtype = position(block, "rrtype").filter(|_| is_type(&block.fields["rrtype"]));
    if rrtype.is_none() {
        let message = "missing record type";
        let (pointer, label) = match position(block, "rrtype") {
            Some(_) => ("/record/fields/rrtype/as", "expected `as: rrtype`"),
            None => ("/record/fields", "requires a field `rrtype` with `as: rrtype`"),
        };
        compiler.error(Code::FieldMissing, pointer, message, label);
    }
    for (name, kind) in ROLES {
        role(compiler, block, name, kind);
    }
    Some(RecordPlan {
        fields: fields.into_iter().collect::<Option<_>>()?,
        orientation: orientation?,
        rrtype: rrtype?,
        roles: ROLES.map(|(name, _)| position(block, name)),
        bad_at_most: block.bad_records.percent(),
        other_names: block.other_names,
        drop_addresses: Scope::ALL
            .iter()
            .copied()
            .filter(|scope| NOT_PUBLIC.contains(scope) || block.drop_addresses.contains(scope))
            .collect(),
    })
}

fn position(block: &RecordBlock, name: &str) -> Option<usize> {
    block.fields.keys().position(|known| known == name)
}

fn role(compiler: &mut Compiler, block: &RecordBlock, name: &str, kind: FieldType) {
    let Some(field) = block.fields.get(name).filter(|field| field.kind != kind) else { return };
    let message = format!("the field `{name}` must be {}, found {}", kind.wanted(), field.kind.wanted());
    let label = format!("expected {}", kind.wanted());
    compiler.error(Code::FieldType, &format!("/record/fields/{name}/as"), message, label);
}

fn field(compiler: &mut Compiler, block: &RecordBlock, name: &str, field: &Field) -> Option<FieldPlan> {
    let at = child("/record/fields", name);
    let is_word =
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.starts_with(|c: char| c.is_ascii_digit());
    if !is_word || name == "observable" {
        compiler.error_at_key(
            Code::FieldName,
            &at,
            format!("invalid field name `{name}`"),
            "expected letters, digits and `_`",
        );
        return None;
    }
    let source = source(compiler, field, &at);
    let relative_to = relative_to(compiler, block, field, &at);
    let is_time = field.kind == FieldType::Timestamp;
    for (key, given) in [("format", field.format.is_some()), ("zone", field.zone.is_some())] {
        if given && !is_time {
            let message = format!("`{key}` applies to timestamps only");
            compiler.error(
                Code::FieldType,
                &format!("{at}/{key}"),
                message,
                format!("the field is {}", field.kind.wanted()),
            );
        }
    }
    if field.split.is_some() && field.kind != FieldType::Rdata {
        let label = format!("the field is {}", field.kind.wanted());
        compiler.error(Code::FieldType, &format!("{at}/split"), "`split` applies to record data only", label);
    }
    let formats = match is_time {
        true => formats(compiler, field, &at),
        false => Some(vec![]),
    };
    let place = if field.at.is_some() { format!("{at}/at") } else { at.clone() };
    Some(FieldPlan {
        name: name.to_owned(),
        span: compiler.span(&place),
        source: source?,
        kind: field.kind,
        formats: formats?,
        take: field.take,
        optional: field.optional,
        none_when: field.none_when.clone(),
        aliases: field.aliases.clone(),
        split: field.split.clone(),
        relative_to: relative_to?,
    })
}

fn formats(compiler: &mut Compiler, field: &Field, at: &str) -> Option<Vec<TimeFormat>> {
    let Some(formats) = &field.format else { return Some(vec![TimeFormat::Rfc3339]) };
    let formats: Vec<_> = formats
        .iter()
        .map(|(i, format)| compiler.time_format_at(format, field.zone.as_deref(), at, &format!("/format{i}")))
        .collect();
    formats.into_iter().collect()
}

/// Validates that `at`, `header` and `value` are given exactly if the source requires them.
fn source(compiler: &mut Compiler, field: &Field, at: &str) -> Option<Source> {
    let needs = match field.from {
        FieldSource::Row | FieldSource::Parent | FieldSource::Grandparent | FieldSource::Answer => "at",
        FieldSource::Header => "header",
        FieldSource::Constant => "value",
        _ => "",
    };
    let given = [("at", field.at.is_some()), ("header", field.header.is_some()), ("value", field.value.is_some())];
    for (key, is_given) in given {
        if is_given && key != needs {
            let message = format!("`{key}` has no effect with `from: {}`", word(field.from));
            compiler.error(Code::FieldPlace, &format!("{at}/{key}"), message, "unused");
            return None;
        }
        if !is_given && key == needs {
            let message = format!("missing `{key}` for `from: {}`", word(field.from));
            compiler.error(Code::FieldPlace, at, message, "no source of the value");
            return None;
        }
    }
    let paths: Vec<_> = field.at.iter().flat_map(OneOrMany::iter).collect();
    let paths: Vec<_> = paths.into_iter().map(|(i, text)| compiler.path(text, &format!("{at}/at{i}"))).collect();
    let paths: Vec<Path> = paths.into_iter().collect::<Option<_>>()?;
    Some(match field.from {
        FieldSource::Row => Source::Row(paths),
        FieldSource::Parent => Source::Above(1, paths),
        FieldSource::Grandparent => Source::Above(2, paths),
        FieldSource::Answer => Source::Answer(paths),
        FieldSource::Key => Source::Key(0),
        FieldSource::ParentKey => Source::Key(1),
        FieldSource::GrandparentKey => Source::Key(2),
        FieldSource::Each => Source::Each,
        FieldSource::Observable => Source::Observable,
        FieldSource::Header => {
            let name = field.header.as_deref().expect("checked above");
            Source::Header(compiler.header_name(name, compiler.span(&format!("{at}/header")))?)
        }
        FieldSource::Constant => {
            let value = field.value.as_ref().expect("checked above");
            constant(compiler, field, value, at);
            Source::Constant(match value {
                Scalar::Boolean(flag) => (*flag).into(),
                Scalar::Integer(number) => (*number).into(),
                Scalar::Text(text) => text.as_str().into(),
            })
        }
    })
}

/// Validates that a constant is of the field's type; otherwise every record would be a bad record.
fn constant(compiler: &mut Compiler, field: &Field, value: &Scalar, at: &str) {
    let is_of_type = match (field.kind, value) {
        (FieldType::Rrtype, Scalar::Text(text)) => RrType::parse(field.aliases.get(text).unwrap_or(text)).is_ok(),
        (FieldType::Rrtype | FieldType::Integer, Scalar::Integer(_)) | (FieldType::Boolean, Scalar::Boolean(_)) => true,
        (FieldType::Integer, Scalar::Text(text)) => text.parse::<i64>().is_ok(),
        (FieldType::Boolean, Scalar::Text(text)) => ["true", "false"].iter().any(|w| text.eq_ignore_ascii_case(w)),
        (FieldType::Tlp, Scalar::Text(text)) => Tlp::parse(text).is_some(),
        (FieldType::Ip | FieldType::RrtypeOfAddress, Scalar::Text(text)) => parse_address(text).is_ok(),
        (FieldType::DnsName, Scalar::Text(text)) => field.relative_to.is_some() || Name::parse(text).is_ok(),
        (FieldType::String | FieldType::Rdata | FieldType::Mailbox, Scalar::Text(_)) => true,
        // Time formats are compiled separately.
        (FieldType::Timestamp, Scalar::Text(_) | Scalar::Integer(_)) => true,
        _ => false,
    };
    if !is_of_type {
        let message = format!("invalid constant: expected {}", field.kind.wanted());
        compiler.error(Code::FieldType, &format!("{at}/value"), message, "every record would be a bad record");
    }
}

/// Returns a source as written in a profile.
fn word(source: FieldSource) -> String {
    match serde_json::to_value(source) {
        Ok(serde_json::Value::String(word)) => word,
        _ => unreachable!("field sources are serialized as strings"),
    }
}

fn relative_to(compiler: &mut Compiler, block: &RecordBlock, field: &Field, at: &str) -> Option<Option<Operand>> {
    let Some(end) = &field.relative_to else { return Some(None) };
    let pointer = format!("{at}/relative_to");
    if field.kind != FieldType::DnsName {
        let label = format!("the field is {}", field.kind.wanted());
        compiler.error(Code::FieldType, &pointer, "`relative_to` applies to domain names only", label);
        return None;
    }
    operand(compiler, block, end, &pointer).map(Some)
}

fn orientations(compiler: &mut Compiler, block: &RecordBlock) -> Option<Vec<OrientationPlan>> {
    let at = "/record/orientation";
    if block.orientation.is_empty() {
        let rrname = operand(compiler, block, "rrname", "/record/fields");
        let rdata = operand(compiler, block, "rdata", "/record/fields");
        return Some(vec![OrientationPlan { when: None, rrname: rrname?, rdata: rdata?, rdata_as: None }]);
    }
    let last = block.orientation.len() - 1;
    let rows: Vec<_> = block
        .orientation
        .iter()
        .enumerate()
        .map(|(i, row)| orientation(compiler, block, row, &format!("{at}/{i}"), i == last))
        .collect();
    rows.into_iter().collect()
}

fn orientation(
    compiler: &mut Compiler,
    block: &RecordBlock,
    row: &Orientation,
    at: &str,
    is_last: bool,
) -> Option<OrientationPlan> {
    match (&row.when, is_last) {
        (Some(_), true) => {
            compiler.error(
                Code::OrientationNotTotal,
                at,
                "a record can match no orientation",
                "the last row must not have `when`",
            );
        }
        (None, false) => {
            compiler.error(Code::OrientationHides, at, "unreachable rows after this orientation", "no `when`");
        }
        _ => {}
    }
    let when = match &row.when {
        Some(text) => {
            let names: Vec<&str> = block.fields.keys().map(String::as_str).chain(["observable"]).collect();
            comparisons(compiler, block, text, &format!("{at}/when"));
            Some(compiler.condition(text, &format!("{at}/when"), &names, |name| probe(block, name))?)
        }
        None => None,
    };
    let rrname = operand(compiler, block, &row.rrname, &format!("{at}/rrname"));
    let rdata = operand(compiler, block, &row.rdata, &format!("{at}/rdata"));
    let rdata_as = rdata_as(compiler, row, &format!("{at}/rdata_as"))?;
    Some(OrientationPlan { when, rrname: rrname?, rdata: rdata?, rdata_as })
}

/// Only fields have an interpretation; that of the observable is known.
fn rdata_as(compiler: &mut Compiler, row: &Orientation, at: &str) -> Option<Option<RdataAs>> {
    if row.rdata_as.is_some() && row.rdata == "observable" {
        compiler.error(Code::FieldPlace, at, "`rdata_as` has no effect with `rdata: observable`", "unused");
        return None;
    }
    Some(row.rdata_as)
}

fn operand(compiler: &mut Compiler, block: &RecordBlock, name: &str, pointer: &str) -> Option<Operand> {
    match name {
        "observable" => Some(Operand::Observable),
        name => field_named(compiler, block, name, pointer).map(Operand::Field),
    }
}

/// Returns the index of a field.
pub(super) fn field_named(compiler: &mut Compiler, block: &RecordBlock, name: &str, pointer: &str) -> Option<usize> {
    let found = position(block, name);
    if found.is_none() {
        let known = block.fields.keys().map(String::as_str).chain(["observable"]);
        let known: Vec<&str> = known.collect();
        let fix = |compiler: &Compiler, near: &str| compiler.replacement(pointer, &(0..name.len()), near);
        compiler.unknown_reference((Code::UnknownName, FIELDS), compiler.span(pointer), (name, fix), &known);
    }
    found
}

/// Returns the names that rules and descriptions can use: all fields and both sides.
pub(super) fn names(block: &RecordBlock) -> Vec<&str> {
    let sides = ["rrname", "rdata"].into_iter().filter(|side| !block.fields.contains_key(*side));
    block.fields.keys().map(String::as_str).chain(sides).chain(["observable"]).collect()
}

/// Returns a value of a field's type, for trial evaluation.
pub(super) fn probe(block: &RecordBlock, name: &str) -> Value {
    match block.fields.get(name).map(|field| field.kind) {
        Some(FieldType::Integer) => Value::from(1),
        Some(FieldType::Timestamp) => Value::from("2024-01-01T00:00:00Z"),
        Some(FieldType::Rrtype | FieldType::RrtypeOfAddress) => Value::from("A"),
        Some(FieldType::Boolean) => Value::from(true),
        _ => Value::from("text"),
    }
}

pub(super) fn prose(compiler: &mut Compiler, block: &RecordBlock, text: &str, pointer: &str) -> Option<Prose> {
    compiler.prose(text, pointer, &names(block), |name| probe(block, name))
}

pub(super) fn condition(compiler: &mut Compiler, block: &RecordBlock, text: &str, pointer: &str) -> Option<Condition> {
    comparisons(compiler, block, text, pointer);
    compiler.condition(text, pointer, &names(block), |name| probe(block, name))
}

fn comparisons(compiler: &mut Compiler, block: &RecordBlock, text: &str, pointer: &str) {
    let values_of = |name: &str| match block.fields.get(name) {
        Some(field) => Some(Values { kind: field.kind, is_optional: field.optional }),
        None => matches!(name, "rrname" | "rdata" | "observable")
            .then_some(Values { kind: FieldType::String, is_optional: false }),
    };
    for found in never_equal(text, values_of) {
        let message = match found.relation {
            Relation::Equal => format!("`{}` is never equal to this value", found.name),
            Relation::Order => format!("`{}` cannot be ordered relative to this value", found.name),
        };
        let label = format!("values of `{}` are {}", found.name, found.values);
        let fix = found.instead.and_then(|(inside, word)| compiler.replacement(pointer, &inside, &word));
        compiler.error_within(Code::NeverEqual, pointer, found.place, message, label).fix = fix;
    }
}
