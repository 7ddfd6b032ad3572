//! Converts a row to records: fields are read as their declared types, and oriented as owner name and rdata.
//!
//! A value that is not of its type makes the record bad, with a reason; it is never replaced by a default.

use super::extract::Slot;
use super::reader::Pick;
use crate::dns::{Form, Mailbox, Name, Rdata, RrType, Soa, parse_address, reverse_name};
use crate::plan::{FieldPlan, Operand, OrientationPlan, RecordPlan, integer};
use crate::profile::{FieldType, RdataAs, Take};
use crate::stix::{Observable, ObservableType, Seen, Tlp, stix_time};
use jiff::Timestamp;
use minijinja::value::Value as Text;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::borrow::Cow;
use std::net::IpAddr;

/// A passive-DNS record in the terms of the Common Output Format (draft-dulaunoy-dnsop-passive-dns-cof).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Owner name of the resource record.
    pub rrname: Name,
    /// Type of the resource record.
    pub rrtype: RrType,
    /// Data of the resource record.
    pub rdata: Rdata,
    /// Times of the first and last observation.
    pub seen: Seen,
    /// Number of observations of the record.
    pub count: Option<u64>,
    /// Closest enclosing zone of the responding server.
    pub bailiwick: Option<String>,
    /// TLP marking by the provider.
    pub tlp: Option<Tlp>,
}

impl Serialize for Record {
    /// Serializes to an object of the Common Output Format.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rrname", self.rrname.as_str())?;
        map.serialize_entry("rrtype", &self.rrtype.to_string())?;
        map.serialize_entry("rdata", &self.rdata.to_string())?;
        if let Some(first) = self.seen.first {
            map.serialize_entry("time_first", &first.as_second())?;
        }
        if let Some(last) = self.seen.last {
            map.serialize_entry("time_last", &last.as_second())?;
        }
        if let Some(count) = self.count {
            map.serialize_entry("count", &count)?;
        }
        if let Some(bailiwick) = &self.bailiwick {
            map.serialize_entry("bailiwick", bailiwick)?;
        }
        map.end()
    }
}

/// A value of a row, converted to its declared type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Typed<'r> {
    None,
    Text(Cow<'r, str>),
    Integer(i64),
    Time(Timestamp),
    Rrtype(RrType),
    Name(Name),
    Address(IpAddr),
    /// Rdata as a list.
    Rdata(Cow<'r, [Cow<'r, str>]>),
    Boolean(bool),
    Tlp(Tlp),
}

impl Typed<'_> {
    /// Returns the value for conditions and texts.
    pub(super) fn as_text(&self) -> Text {
        match self {
            Self::None => Text::from(()),
            Self::Text(text) => Text::from(text.as_ref()),
            Self::Integer(number) => Text::from(*number),
            Self::Time(time) => Text::from(stix_time(*time)),
            Self::Rrtype(rrtype) => rrtype_text(*rrtype),
            Self::Name(name) => Text::from(name.as_str()),
            Self::Address(address) => Text::from(address.to_string()),
            Self::Rdata(rdata) => Text::from(rdata.join(" ")),
            Self::Boolean(flag) => Text::from(*flag),
            Self::Tlp(tlp) => Text::from(tlp.as_str()),
        }
    }

    /// Returns the text of each value it contains.
    fn value_texts(&self) -> Texts<'_> {
        Texts::One(match self {
            Self::None => return Texts::Each(&[]),
            Self::Rdata(rdata) => return Texts::Each(rdata),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Name(name) => Cow::Borrowed(name.as_str()),
            Self::Tlp(tlp) => Cow::Borrowed(tlp.as_str()),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Time(time) => Cow::Owned(stix_time(*time)),
            Self::Rrtype(rrtype) => Cow::Owned(rrtype.to_string()),
            Self::Address(address) => Cow::Owned(address.to_string()),
            Self::Boolean(flag) => Cow::Owned(flag.to_string()),
        })
    }
}

/// The texts of a value: usually one, several for a list.
enum Texts<'v> {
    One(Cow<'v, str>),
    Each(&'v [Cow<'v, str>]),
}

impl<'v> Texts<'v> {
    fn texts(&self) -> &[Cow<'v, str>] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Each(texts) => texts,
        }
    }
}

/// Returns a record type for conditions and texts.
pub(super) fn rrtype_text(rrtype: RrType) -> Text {
    rrtype.name().map_or_else(|| Text::from(rrtype.to_string()), Text::from)
}

/// Why a row or record is bad, and the field that causes it, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRow {
    pub(super) reason: String,
    pub(super) field: Option<usize>,
}

impl From<String> for BadRow {
    fn from(reason: String) -> Self {
        Self { reason, field: None }
    }
}

/// Converts the values of a row, in the order of the plan's fields.
pub(super) fn fields<'r>(
    plan: &'r RecordPlan,
    picks: &'r [Vec<Pick>],
    slots: &'r [Slot],
    asked: &Observable,
) -> Result<Vec<Typed<'r>>, BadRow> {
    let bad = |index: usize| move |reason: String| BadRow { reason, field: Some(index) };
    // `collect` into a `Result` has no size hint and reallocates for each record.
    let mut fields = Vec::with_capacity(plan.fields.len());
    for (index, field) in plan.fields.iter().enumerate() {
        fields.push(read(field, &picks[index], slots).map_err(bad(index))?);
    }
    for (index, field) in plan.fields.iter().enumerate() {
        if let Some(origin) = field.relative_to {
            fields[index] = join(&fields[index], origin, &fields, asked).map_err(bad(index))?;
        }
    }
    Ok(fields)
}

fn read<'r>(field: &'r FieldPlan, picks: &'r [Pick], slots: &'r [Slot]) -> Result<Typed<'r>, String> {
    let (mut is_there, mut taken) = (false, None);
    for pick in picks {
        let slot = match pick {
            Pick::Slot(at) => &slots[*at],
            Pick::Fixed(slot) => slot,
        };
        if *slot == Slot::Absent {
            continue;
        }
        is_there = true;
        if *slot != Slot::Null && !is_none(field, slot) {
            let value = typed(field, slot).ok_or_else(|| not_of_type(field, slot))?;
            match taken.replace(value) {
                Some(before) => taken = taken.map(|value| select(field.take, before, value)),
                None if field.take == Take::First => break,
                None => {}
            }
        }
    }
    if let Some(taken) = taken {
        return Ok(taken);
    }
    match (field.optional, is_there) {
        (true, _) => Ok(Typed::None),
        (false, true) => Err(format!("missing value of `{}`", field.name)),
        (false, false) => Err(format!("missing `{}`", field.name)),
    }
}

/// Selects one of two values.
fn select<'r>(take: Take, one: Typed<'r>, other: Typed<'r>) -> Typed<'r> {
    match (take, &one, &other) {
        (Take::Earliest, Typed::Time(a), Typed::Time(b)) if b < a => other,
        (Take::Latest, Typed::Time(a), Typed::Time(b)) if b > a => other,
        _ => one,
    }
}

fn is_none(field: &FieldPlan, slot: &Slot) -> bool {
    field.none_when.iter().any(|none| match slot {
        Slot::Text(text) => none.is_text(text),
        Slot::Integer(number) => none.is_integer(*number),
        Slot::Boolean(flag) => none.is_boolean(*flag),
        other => none.is(&other.to_value()),
    })
}

fn not_of_type(field: &FieldPlan, slot: &Slot) -> String {
    let mut shown = slot.to_value().to_string();
    if let Some((end, _)) = shown.char_indices().nth(60) {
        shown.truncate(end);
        shown.push('…');
    }
    let formats: Vec<_> = field.formats.iter().map(|format| format!("`{}`", format.as_str())).collect();
    let form = match field.kind {
        FieldType::Timestamp => format!(" in the format {}", formats.join(" or ")),
        _ => String::new(),
    };
    format!("invalid `{}`: expected {}{form}, found {shown}", field.name, field.kind.wanted())
}

fn typed<'r>(field: &'r FieldPlan, slot: &'r Slot) -> Option<Typed<'r>> {
    let alias = (!field.aliases.is_empty()).then(|| alias(field, slot)).flatten();
    let text = alias.map(String::as_str).or_else(|| slot.as_str());
    Some(match field.kind {
        FieldType::Timestamp => Typed::Time(field.formats.iter().find_map(|format| format.read(slot.datum()))?),
        FieldType::Integer => Typed::Integer(integer(slot.datum())?),
        FieldType::Rrtype => Typed::Rrtype(rrtype(text, slot)?),
        FieldType::RrtypeOfAddress => Typed::Rrtype(rrtype_of(parse_address(text?).ok()?)),
        FieldType::String => Typed::Text(text?.into()),
        FieldType::DnsName if field.relative_to.is_some() => Typed::Text(text?.into()),
        FieldType::DnsName => Typed::Name(Name::parse(text?).ok()?),
        FieldType::Mailbox => {
            let text = text?;
            let mailbox = if text.contains('@') { Mailbox::parse(text) } else { Mailbox::from_rname(text) };
            Typed::Text(mailbox.ok()?.to_string().into())
        }
        FieldType::Ip => Typed::Address(parse_address(text?).ok()?),
        FieldType::Rdata => rdata(slot, field.split.as_deref())?,
        FieldType::Boolean => Typed::Boolean(boolean(slot)?),
        FieldType::Tlp => Typed::Tlp(Tlp::parse(text?)?),
    })
}

/// Returns the alias of a text, or of a number or flag by its text.
fn alias<'f>(field: &'f FieldPlan, slot: &Slot) -> Option<&'f String> {
    match slot {
        Slot::Text(text) => field.aliases.get(&**text),
        Slot::Integer(number) => field.aliases.get(&number.to_string()),
        Slot::Boolean(flag) => field.aliases.get(if *flag { "true" } else { "false" }),
        _ => None,
    }
}

fn rrtype(text: Option<&str>, slot: &Slot) -> Option<RrType> {
    match (text, slot) {
        (Some(text), _) => RrType::parse(text).ok(),
        (None, Slot::Integer(number)) => RrType::parse(&number.to_string()).ok(),
        _ => None,
    }
}

fn rrtype_of(address: IpAddr) -> RrType {
    if address.is_ipv4() { RrType::A } else { RrType::AAAA }
}

fn boolean(slot: &Slot) -> Option<bool> {
    match slot {
        Slot::Boolean(flag) => Some(*flag),
        Slot::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Slot::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Converts rdata: a text, a delimited text, or a list of texts.
fn rdata<'r>(slot: &'r Slot, split: Option<&str>) -> Option<Typed<'r>> {
    Some(match (slot, split) {
        (Slot::Text(text), Some(separator)) => {
            let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
            Typed::Rdata(parts.map(Cow::from).collect())
        }
        (Slot::Text(text), None) => Typed::Text(text.as_ref().into()),
        (Slot::Texts(texts), _) => Typed::Rdata(texts.into()),
        (Slot::Node(node), _) => {
            let items = node.as_array()?.iter();
            Typed::Rdata(items.map(|item| item.as_str().map(Cow::from)).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Joins a relative name and its origin; an empty name and `@` are the origin itself.
fn join<'r>(name: &Typed<'r>, origin: Operand, fields: &[Typed], asked: &Observable) -> Result<Typed<'r>, String> {
    let Typed::Text(text) = name else { return Ok(name.clone()) };
    let origin = match origin {
        Operand::Observable => Name::parse(asked.value()),
        Operand::Field(index) => {
            let texts = fields[index].value_texts();
            match texts.texts() {
                [] => return Err("missing origin of a relative name".into()),
                [text] => Name::parse(text),
                several => return Err(format!("invalid origin of a relative name: {} values", several.len())),
            }
        }
    };
    let origin = origin.map_err(|error| format!("invalid origin of a relative name: {error}"))?;
    let joined = if text.is_empty() { Ok(origin) } else { origin.join(text) };
    joined.map(Typed::Name).map_err(|error| format!("invalid domain name `{text}`: {error}"))
}

/// The records of a row: one per owner name and rdata.
pub(super) struct Records<'r> {
    owners: Cow<'r, [Name]>,
    rrtype: RrType,
    rdata: Texts<'r>,
    rdata_as: Option<RdataAs>,
    seen: Seen,
    count: Option<u64>,
    bailiwick: Option<&'r str>,
    tlp: Option<Tlp>,
}

impl<'r> Records<'r> {
    /// Reads what all records of a row have in common.
    pub(super) fn of(
        plan: &RecordPlan,
        fields: &'r [Typed],
        asked: &'r Observable,
        asked_name: Option<&'r Name>,
    ) -> Result<Records<'r>, String> {
        let row = orientation(plan, fields, asked)?;
        let Typed::Rrtype(rrtype) = fields[plan.rrtype] else { return Err("missing `rrtype`".into()) };
        let seen = seen(plan, fields)?;
        let role = |index: usize| plan.roles[index].map(|field| &fields[field]);
        let count = match role(2) {
            Some(Typed::Integer(count)) => Some(
                u64::try_from(*count)
                    .map_err(|_| format!("invalid `count`: expected a non-negative integer, found {count}"))?,
            ),
            _ => None,
        };
        let bailiwick = match role(3) {
            Some(Typed::Text(zone)) => Some(zone.as_ref()),
            _ => None,
        };
        let tlp = match role(4) {
            Some(Typed::Tlp(tlp)) => Some(*tlp),
            _ => None,
        };
        let texts_of = |operand: Operand| match operand {
            Operand::Observable => Texts::One(asked.value().into()),
            Operand::Field(index) => fields[index].value_texts(),
        };
        let owners = match known_owner(row.rrname, fields, asked_name) {
            Some(name) => Cow::Borrowed(std::slice::from_ref(name)),
            None => {
                texts_of(row.rrname).texts().iter().map(|text| owner_name(text, rrtype)).collect::<Result<_, _>>()?
            }
        };
        if owners.is_empty() {
            return Err("missing owner name".to_owned());
        }
        let (rdata, rdata_as) = (texts_of(row.rdata), row.rdata_as);
        if rdata_as == Some(RdataAs::Mailbox) && rdata.texts().is_empty() {
            return Err("missing mailbox".to_owned());
        }
        Ok(Records { owners, rrtype, rdata, rdata_as, seen, count, bailiwick, tlp })
    }

    /// Returns each record, or why it is bad.
    pub(super) fn each(&self) -> impl Iterator<Item = Result<Record, String>> {
        let rdata = self.rdata.texts();
        self.owners.iter().flat_map(move |owner| rdata.iter().map(move |rdata| self.record(owner, rdata)))
    }

    fn record(&self, owner: &Name, rdata: &str) -> Result<Record, String> {
        let Self { rrtype, seen, count, tlp, .. } = *self;
        let rdata = match self.rdata_as {
            None => Rdata::parse(rrtype, rdata).map_err(|error| error.to_string())?,
            Some(RdataAs::Mailbox) => mailbox_rdata(rrtype, mailbox(rdata)?)?,
        };
        let bailiwick = self.bailiwick.map(str::to_owned);
        Ok(Record { rrname: owner.clone(), rrtype, rdata, seen, count, bailiwick, tlp })
    }
}

/// Parses a mailbox; the root represents none.
fn mailbox(text: &str) -> Result<Option<Mailbox>, String> {
    match text {
        "." => Ok(None),
        _ => Mailbox::from_rname(text).map(Some).map_err(|error| format!("invalid mailbox `{text}`: {error}")),
    }
}

/// Returns the data of a record of which the provider keeps only the mailbox.
fn mailbox_rdata(rrtype: RrType, mailbox: Option<Mailbox>) -> Result<Rdata, String> {
    match rrtype.form() {
        Form::Soa => Ok(Rdata::Soa(Soa { mname: None, rname: mailbox, rest: None })),
        _ => {
            let text = mailbox.map_or_else(|| ".".to_owned(), |mailbox| mailbox.to_string());
            Rdata::parse(rrtype, &text).map_err(|error| error.to_string())
        }
    }
}

/// Returns the owner name if it has already been parsed.
fn known_owner<'r>(rrname: Operand, fields: &'r [Typed], asked_name: Option<&'r Name>) -> Option<&'r Name> {
    match rrname {
        Operand::Observable => asked_name,
        Operand::Field(index) => match &fields[index] {
            Typed::Name(name) => Some(name),
            _ => None,
        },
    }
}

fn orientation<'p>(plan: &'p RecordPlan, fields: &[Typed], asked: &Observable) -> Result<&'p OrientationPlan, String> {
    for row in &plan.orientation {
        let Some(when) = &row.when else { return Ok(row) };
        let value_of = |name: &str| {
            if name == "observable" {
                return Text::from(asked.value());
            }
            let position = plan.fields.iter().position(|field| field.name == name);
            position.map_or_else(|| Text::from(()), |index| fields[index].as_text())
        };
        if when.holds(value_of).map_err(|reason| format!("failed to evaluate `{}`: {reason}", when.text()))? {
            return Ok(row);
        }
    }
    unreachable!("the last orientation has no condition")
}

/// Returns the observable as a name, if it is one.
pub(super) fn asked_name(asked: &Observable) -> Option<Name> {
    matches!(asked.kind(), ObservableType::DomainName | ObservableType::Hostname)
        .then(|| Name::parse(asked.value()).ok())
        .flatten()
}

/// Returns the owner name; an address can only own PTR records, by its reverse name.
fn owner_name(text: &str, rrtype: RrType) -> Result<Name, String> {
    match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) if rrtype == RrType::PTR => Ok(reverse_name(address)),
        Ok(address) => Err(format!("invalid owner name: an address cannot own {rrtype} records, found {address}")),
        Err(_) => Name::parse(text).map_err(|error| format!("invalid owner name `{text}`: {error}")),
    }
}

fn seen(plan: &RecordPlan, fields: &[Typed]) -> Result<Seen, String> {
    let time = |index: usize| match plan.roles[index].map(|field| &fields[field]) {
        Some(Typed::Time(time)) => Some(*time),
        _ => None,
    };
    let seen = Seen { first: time(0), last: time(1) };
    match (seen.first, seen.last) {
        (Some(first), Some(last)) if first > last => Err("`time_first` is later than `time_last`".into()),
        _ => Ok(seen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailbox_rdata_is_never_a_name() {
        for (text, expected) in [
            ("hostmaster@example.com", Ok("hostmaster@example.com")),
            ("hostmaster.example.com", Ok("hostmaster@example.com")),
            ("HostMaster.example.com.", Ok("hostmaster@example.com")),
            (r"first\.last.example.com.", Ok("first.last@example.com")),
            (".", Ok(".")),
            ("", Err("invalid mailbox ``: missing domain")),
            ("hostmaster", Err("invalid mailbox `hostmaster`: missing domain")),
            ("hostmaster.", Err("invalid mailbox `hostmaster.`: missing domain")),
            (".example.com", Err("invalid mailbox `.example.com`: missing local part")),
            ("a@192.0.2.1", Err("invalid mailbox `a@192.0.2.1`: invalid domain: it is an IP address")),
        ] {
            let read = mailbox(text);
            let shown = |mailbox: &Option<Mailbox>| mailbox.as_ref().map_or(".".to_owned(), Mailbox::to_string);
            assert_eq!(read.as_ref().map(shown).map_err(String::as_str), expected.map(str::to_owned), "{text}");
            if let Ok(mailbox) = read {
                let parsed = Rdata::parse(RrType::SOA, &shown(&mailbox)).expect("an SOA record");
                assert_eq!(mailbox_rdata(RrType::SOA, mailbox), Ok(parsed), "{text}");
            }
        }
    }

    #[test]
    fn each_value_of_mailbox_rdata_is_a_record_or_bad() {
        let of = |values: &[&str]| {
            let values: Vec<Cow<str>> = values.iter().map(|value| Cow::from(value.to_string())).collect();
            let records = Records {
                owners: vec![Name::parse("example.com").expect("a name")].into(),
                rrtype: RrType::SOA,
                rdata: Texts::Each(&values),
                rdata_as: Some(RdataAs::Mailbox),
                seen: Seen { first: None, last: None },
                count: None,
                bailiwick: None,
                tlp: None,
            };
            records.each().map(|record| record.map(|record| record.rdata.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(of(&["a.example.com", "b.example.com"]).len(), 2);
        assert_ne!(of(&["a.example.com", "b.example.com"])[0], of(&["a.example.com", "b.example.com"])[1]);
        let mixed = of(&["a.example.com", "hostmaster", "b.example.com"]);
        assert_eq!(mixed.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true], "{mixed:?}");
    }
}
