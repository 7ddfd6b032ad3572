//! Compiled fields and orientation: how a row becomes a record.

use super::comparison::{Relation, Values, never_equal};
use super::compiler::Compiler;
use super::expression::{Condition, Prose};
use super::path::Path;
use super::time::TimeFormat;
use crate::diagnostic::{Code, Span};
use crate::dns::{Name, RrType, Scope, parse_address};
use crate::profile::{
    Field, FieldSource, FieldType, OneOrMany, Orientation, OtherNames, RdataAs, RecordBlock, Scalar, Take,
};
use crate::stix::Tlp;
use crate::yaml::{child, nearest};
use minijinja::value::Value;
use std::collections::BTreeMap;

/// How rows become records.
#[derive(Debug)]
pub struct RecordPlan {
    /// The fields, in the order of names.
    pub fields: Vec<FieldPlan>,
    /// Which side is which; the last has no condition.
    pub orientation: Vec<OrientationPlan>,
    /// The field that holds the record type.
    pub rrtype: usize,
    /// The fields with a role of the Common Output Format, in the order of `ROLES`.
    pub roles: [Option<usize>; ROLES.len()],
    /// The share of bad records, of 100, above which an answer is not believed.
    pub bad_at_most: u64,
    /// What becomes of records that have nothing to do with the observable.
    pub other_names: OtherNames,
    /// Reaches of addresses that are no data.
    pub drop_addresses: Vec<Scope>,
}

/// The fields that make a record.
const MAIN: [&str; 3] = ["rrname", "rrtype", "rdata"];

/// The fields that have a role besides the three that make a record, and the type each needs.
pub const ROLES: [(&str, FieldType); 5] = [
    ("time_first", FieldType::Timestamp),
    ("time_last", FieldType::Timestamp),
    ("count", FieldType::Integer),
    ("bailiwick", FieldType::String),
    ("tlp", FieldType::Tlp),
];

/// Reports a field whose name is a misspelling of one of the Common Output Format, and goes on with the right name: what
/// else reads that field is right as it stands.
pub(super) fn correct_field_names(compiler: &mut Compiler, block: &mut RecordBlock) {
    for name in MAIN.into_iter().chain(ROLES.map(|(name, _)| name)) {
        let Some(misspelt) = misspelling(compiler, block, name) else { continue };
        let key = child("/record/fields", &misspelt);
        let (place, message) = (compiler.key_span(&key), format!("unknown field `{misspelt}`"));
        compiler.unknown(Code::UnknownName, place, message, &misspelt, std::iter::once(name), "not read by anything");
        let field = block.fields.remove(&misspelt).expect("it is one of the fields");
        block.fields.insert(name.to_owned(), field);
    }
}

/// The declared field that was meant to be `name`: nothing reads the one, and something reads the other.
fn misspelling(compiler: &Compiler, block: &RecordBlock, name: &str) -> Option<String> {
    let uses = |word: &str| compiler.occurrences(word);
    let is_needed = name == "rrtype" || uses(name) > 0 || block.orientation.is_empty() && MAIN.contains(&name);
    if block.fields.contains_key(name) || !is_needed {
        return None;
    }
    let is_standard = |field: &str| MAIN.contains(&field) || ROLES.iter().any(|(role, _)| *role == field);
    let unread = block.fields.keys().map(String::as_str).filter(|field| !is_standard(field) && uses(field) == 1);
    nearest(name, unread).map(str::to_owned)
}

/// One value of a row.
#[derive(Debug)]
pub struct FieldPlan {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// Where it comes from.
    pub source: Source,
    /// Of what type it is.
    pub kind: FieldType,
    /// How it is written, if it is a time: the first of these that fits.
    pub formats: Vec<TimeFormat>,
    /// Which value is taken, if it is a time that stands in several places.
    pub take: Take,
    /// Whether a record may do without it.
    pub optional: bool,
    /// What stands for no value.
    pub none_when: Vec<Scalar>,
    /// Words of the provider's own.
    pub aliases: BTreeMap<String, String>,
    /// What stands between several pieces of data in one text.
    pub split: Option<String>,
    /// The end of a name that is written without it.
    pub relative_to: Option<Operand>,
}

/// Where the value of a field comes from; of several paths the first that leads to a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The row.
    Row(Vec<Path>),
    /// So many levels above the row.
    Above(usize, Vec<Path>),
    /// The whole answer.
    Answer(Vec<Path>),
    /// The key of the row, or of so many levels above it.
    Key(usize),
    /// The request's `{each}`.
    Each,
    /// The observable asked about.
    Observable,
    /// A header of the response.
    Header(String),
    /// A value of the profile's own.
    Constant(serde_json::Value),
}

impl Source {
    /// The paths it reads.
    pub fn paths(&self) -> &[Path] {
        match self {
            Self::Row(paths) | Self::Above(_, paths) | Self::Answer(paths) => paths,
            Self::Key(_) | Self::Each | Self::Observable | Self::Header(_) | Self::Constant(_) => &[],
        }
    }
}

/// Which side is the owner and which the data.
#[derive(Debug)]
pub struct OrientationPlan {
    /// When.
    pub when: Option<Condition>,
    /// The owner's name.
    pub rrname: Operand,
    /// The data.
    pub rdata: Operand,
    /// What its text is, if that is said.
    pub rdata_as: Option<RdataAs>,
}

/// A side of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// The observable asked about.
    Observable,
    /// A field.
    Field(usize),
}

pub(super) fn record(compiler: &mut Compiler, block: &RecordBlock) -> Option<RecordPlan> {
    let fields: Vec<_> = block.fields.iter().map(|(name, field)| self::field(compiler, block, name, field)).collect();
    let orientation = orientations(compiler, block);
    let is_type = |field: &Field| matches!(field.kind, FieldType::Rrtype | FieldType::RrtypeOfAddress);
    let rrtype = position(block, "rrtype").filter(|_| is_type(&block.fields["rrtype"]));
    if rrtype.is_none() {
        let message = "no field says the record type";
        let (pointer, label) = match position(block, "rrtype") {
            Some(_) => ("/record/fields/rrtype/as", "a record type is read with `as: rrtype`"),
            None => ("/record/fields", "it needs a field `rrtype` with `as: rrtype`"),
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
        drop_addresses: block.drop_addresses.clone(),
    })
}

fn position(block: &RecordBlock, name: &str) -> Option<usize> {
    block.fields.keys().position(|known| known == name)
}

fn role(compiler: &mut Compiler, block: &RecordBlock, name: &str, kind: FieldType) {
    let Some(field) = block.fields.get(name).filter(|field| field.kind != kind) else { return };
    let message = format!("`{name}` is {}", kind.wanted());
    let label = format!("read as {}", field.kind.wanted());
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
            format!("a field cannot be called `{name}`"),
            "letters, digits and `_`",
        );
        return None;
    }
    let source = source(compiler, field, &at);
    let relative_to = relative_to(compiler, block, field, &at);
    let is_time = field.kind == FieldType::Timestamp;
    for (key, given) in [("format", field.format.is_some()), ("zone", field.zone.is_some())] {
        if given && !is_time {
            let message = format!("`{key}` is for times");
            compiler.error(
                Code::FieldType,
                &format!("{at}/{key}"),
                message,
                format!("this is {}", field.kind.wanted()),
            );
        }
    }
    if field.split.is_some() && field.kind != FieldType::Rdata {
        let label = format!("this is {}", field.kind.wanted());
        compiler.error(Code::FieldType, &format!("{at}/split"), "`split` is for record data", label);
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

/// `at`, `header` and `value` stand where their source needs them, and nowhere else.
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
            let message = format!("`{key}` does not go with `from: {}`", word(field.from));
            compiler.error(Code::FieldPlace, &format!("{at}/{key}"), message, "not used");
            return None;
        }
        if !is_given && key == needs {
            let message = format!("a field with `from: {}` needs `{key}`", word(field.from));
            compiler.error(Code::FieldPlace, at, message, "nobody says where it stands");
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

/// A value of the profile's own is of its field's type; otherwise every record were a bad one.
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
        // Its format is compiled elsewhere.
        (FieldType::Timestamp, Scalar::Text(_) | Scalar::Integer(_)) => true,
        _ => false,
    };
    if !is_of_type {
        let message = format!("this is not {}", field.kind.wanted());
        compiler.error(Code::FieldType, &format!("{at}/value"), message, "the value of every record");
    }
}

/// How a source is written.
fn word(source: FieldSource) -> String {
    match serde_json::to_value(source) {
        Ok(serde_json::Value::String(word)) => word,
        _ => unreachable!("the words of the language are texts"),
    }
}

fn relative_to(compiler: &mut Compiler, block: &RecordBlock, field: &Field, at: &str) -> Option<Option<Operand>> {
    let Some(end) = &field.relative_to else { return Some(None) };
    let pointer = format!("{at}/relative_to");
    if field.kind != FieldType::DnsName {
        let label = format!("this is {}", field.kind.wanted());
        compiler.error(Code::FieldType, &pointer, "`relative_to` is for names", label);
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
                "a record may match no orientation",
                "the last one has no `when`",
            );
        }
        (None, false) => {
            compiler.error(Code::OrientationHides, at, "this orientation hides those after it", "it has no `when`");
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

/// What is asked about is what it is: only a field can be read as something else.
fn rdata_as(compiler: &mut Compiler, row: &Orientation, at: &str) -> Option<Option<RdataAs>> {
    if row.rdata_as.is_some() && row.rdata == "observable" {
        compiler.error(Code::FieldPlace, at, "`rdata_as` does not go with `rdata: observable`", "not used");
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

/// The number of a field.
pub(super) fn field_named(compiler: &mut Compiler, block: &RecordBlock, name: &str, pointer: &str) -> Option<usize> {
    let found = position(block, name);
    if found.is_none() {
        let known = block.fields.keys().map(String::as_str).chain(["observable"]);
        let message = format!("no field is called `{name}`");
        let place = compiler.span(pointer);
        compiler.unknown(Code::UnknownName, place, message, name, known, "not declared in `record.fields`");
    }
    found
}

/// The names that rules and texts may read: every field, and both sides of the record.
pub(super) fn names(block: &RecordBlock) -> Vec<&str> {
    let sides = ["rrname", "rdata"].into_iter().filter(|side| !block.fields.contains_key(*side));
    block.fields.keys().map(String::as_str).chain(sides).chain(["observable"]).collect()
}

/// A value of a name's type, to try a text with.
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
            Relation::Equal => format!("this can never be equal to `{}`", found.name),
            Relation::Order => format!("this is neither more nor less than `{}`", found.name),
        };
        let label = format!("the values of `{}` are {}", found.name, found.values);
        let fix = found.instead.and_then(|(inside, word)| compiler.replacement(pointer, &inside, &word));
        compiler.error_within(Code::NeverEqual, pointer, found.place, message, label).fix = fix;
    }
}
