//! A row becomes a record: its fields are read as their declared types, then one side is the owner and the other the data.
//! A value that is not of its type makes the record a bad one, with a reason; it is never replaced by a default.

use super::page::kind_of;
use crate::dns::{Name, Rdata, RrType, parse_address};
use crate::plan::{FieldPlan, Operand, OrientationPlan, RecordPlan, integer};
use crate::profile::FieldType;
use crate::stix::{Observable, Seen, stix_time};
use jiff::Timestamp;
use minijinja::value::Value as Text;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use std::net::IpAddr;

/// A passive-DNS record in the terms of the Common Output Format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The owner's name.
    pub rrname: Name,
    /// The record type.
    pub rrtype: RrType,
    /// The data.
    pub rdata: Rdata,
    /// First and last seen.
    pub seen: Seen,
    /// How often it was seen.
    pub count: Option<u64>,
    /// The zone it was seen in.
    pub bailiwick: Option<String>,
}

impl Serialize for Record {
    /// One object of the Common Output Format.
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

/// A value of a row, of its declared type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Typed {
    None,
    Text(String),
    Integer(i64),
    Time(Timestamp),
    Rrtype(RrType),
    Name(Name),
    Address(IpAddr),
    Rdata(Vec<String>),
}

impl Typed {
    /// As conditions and texts see it.
    pub(super) fn as_text(&self) -> Text {
        match self {
            Self::None => Text::from(()),
            Self::Text(text) => Text::from(text.as_str()),
            Self::Integer(number) => Text::from(*number),
            Self::Time(time) => Text::from(stix_time(*time)),
            Self::Rrtype(rrtype) => Text::from(rrtype.to_string()),
            Self::Name(name) => Text::from(name.as_str()),
            Self::Address(address) => Text::from(address.to_string()),
            Self::Rdata(data) => Text::from(data.join(" ")),
        }
    }

    /// What it says, for each value it holds.
    fn sides(&self) -> Vec<String> {
        match self {
            Self::None => vec![],
            Self::Text(text) => vec![text.clone()],
            Self::Integer(number) => vec![number.to_string()],
            Self::Time(time) => vec![stix_time(*time)],
            Self::Rrtype(rrtype) => vec![rrtype.to_string()],
            Self::Name(name) => vec![name.to_string()],
            Self::Address(address) => vec![address.to_string()],
            Self::Rdata(data) => data.clone(),
        }
    }
}

/// Why a row, or a record of it, cannot be read; and by which field, if one is to blame.
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

/// The values of a row, in the order of the plan's fields.
pub(super) fn fields(plan: &RecordPlan, row: &Value) -> Result<Vec<Typed>, BadRow> {
    if !row.is_object() {
        return Err(format!("the row is {}, not an object", kind_of(row)).into());
    }
    let read = |(index, field)| read(field, row).map_err(|reason| BadRow { reason, field: Some(index) });
    plan.fields.iter().enumerate().map(read).collect()
}

fn read(field: &FieldPlan, row: &Value) -> Result<Typed, String> {
    let mut is_there = false;
    for path in &field.at {
        let Some(value) = path.find(row) else { continue };
        is_there = true;
        if !value.is_null() && !field.none_when.iter().any(|none| none.is(value)) {
            return typed(field, value).ok_or_else(|| not_of_type(field, value));
        }
    }
    match (field.optional, is_there) {
        (true, _) => Ok(Typed::None),
        (false, true) => Err(format!("`{}` has no value", field.name)),
        (false, false) => Err(format!("`{}` is absent", field.name)),
    }
}

fn not_of_type(field: &FieldPlan, value: &Value) -> String {
    let mut shown = value.to_string();
    if let Some((end, _)) = shown.char_indices().nth(60) {
        shown.truncate(end);
        shown.push('…');
    }
    format!("`{}` is not {}: {shown}", field.name, field.kind.wanted())
}

fn typed(field: &FieldPlan, value: &Value) -> Option<Typed> {
    let alias = value.as_str().and_then(|text| field.aliases.get(text));
    let text = alias.map(String::as_str).or_else(|| value.as_str());
    Some(match field.kind {
        FieldType::Timestamp => Typed::Time(field.format.read(value)?),
        FieldType::Integer => Typed::Integer(integer(value)?),
        FieldType::Rrtype => Typed::Rrtype(rrtype(text, value)?),
        FieldType::String => Typed::Text(text?.to_owned()),
        FieldType::DnsName => Typed::Name(Name::parse(text?).ok()?),
        FieldType::Ip => Typed::Address(parse_address(text?).ok()?),
        FieldType::Rdata => Typed::Rdata(list(value)?),
    })
}

fn rrtype(text: Option<&str>, value: &Value) -> Option<RrType> {
    match text {
        Some(text) => RrType::parse(text).ok(),
        None => RrType::parse(&value.as_u64()?.to_string()).ok(),
    }
}

fn list(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// The records of a row: one for each piece of data it holds, or why there is none.
pub(super) fn records(
    plan: &RecordPlan,
    fields: &[Typed],
    asked: &Observable,
) -> Result<Vec<Result<Record, String>>, String> {
    let row = orientation(plan, fields)?;
    let Typed::Rrtype(rrtype) = fields[plan.rrtype] else { return Err("`rrtype` has no value".into()) };
    let side = |operand: Operand| match operand {
        Operand::Observable => vec![asked.value().to_owned()],
        Operand::Field(index) => fields[index].sides(),
    };
    let seen = seen(plan, fields)?;
    let role = |index: usize| plan.roles[index].map(|field| &fields[field]);
    let count = match role(2) {
        Some(Typed::Integer(count)) => {
            Some(u64::try_from(*count).map_err(|_| format!("`count` is negative: {count}"))?)
        }
        _ => None,
    };
    let bailiwick = match role(3) {
        Some(Typed::Text(zone)) => Some(zone.clone()),
        _ => None,
    };
    let owners = side(row.rrname);
    let owner = owners.first().ok_or("the record has no owner's name")?;
    let rrname = owner_name(owner, rrtype)?;
    let record = |data: String| {
        let rdata = Rdata::parse(rrtype, &data).map_err(|error| error.to_string())?;
        Ok(Record { rrname: rrname.clone(), rrtype, rdata, seen, count, bailiwick: bailiwick.clone() })
    };
    Ok(side(row.rdata).into_iter().map(record).collect())
}

fn orientation<'p>(plan: &'p RecordPlan, fields: &[Typed]) -> Result<&'p OrientationPlan, String> {
    for row in &plan.orientation {
        let Some(when) = &row.when else { return Ok(row) };
        let value_of = |name: &str| {
            let position = plan.fields.iter().position(|field| field.name == name);
            position.map_or_else(|| Text::from(()), |index| fields[index].as_text())
        };
        if when.holds(value_of).map_err(|reason| format!("`{}` cannot be told: {reason}", when.text()))? {
            return Ok(row);
        }
    }
    unreachable!("the last orientation has no condition")
}

/// An address owns the records of its reverse name, and no others.
fn owner_name(text: &str, rrtype: RrType) -> Result<Name, String> {
    match parse_address(text) {
        Ok(address) if rrtype == RrType::PTR => Ok(reverse_name(address)),
        Ok(address) => Err(format!("the address {address} cannot own {rrtype} records")),
        Err(_) => Name::parse(text).map_err(|error| format!("the owner is no domain name: {error}")),
    }
}

fn reverse_name(address: IpAddr) -> Name {
    let text = match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address
                .octets()
                .iter()
                .rev()
                .map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4))
                .collect::<String>();
            format!("{nibbles}ip6.arpa")
        }
    };
    Name::parse(&text).expect("reverse names are names")
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
