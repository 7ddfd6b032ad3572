//! How a row is converted to a record: typed fields, orientation, and the permitted share of bad records.

use super::text::{OneOrMany, PathText};
use crate::dns::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How rows of a response are converted to records in the terms of the passive-DNS Common Output Format
/// (draft-dulaunoy-dnsop-passive-dns-cof).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordBlock {
    /// Fields of a record, by name. `rrname`, `rrtype`, `rdata`, `time_first`, `time_last`, `count` and `bailiwick` are
    /// those of the Common Output Format; `tlp` is the record's own marking. Fields with other names can be used in
    /// conditions and descriptions.
    pub fields: BTreeMap<String, Field>,
    /// Which field is the owner name and which is the data. The first matching row applies. If omitted, these are the
    /// fields `rrname` and `rdata`.
    #[serde(default)]
    pub orientation: Vec<Orientation>,
    /// Share of bad records above which a response is rejected.
    #[serde(default)]
    pub bad_records: BadRecords,
    /// How records that are not about the queried observable are handled.
    #[serde(default)]
    pub other_names: OtherNames,
    /// Scopes of addresses whose records are dropped and counted in addition to the non-public ones (all but `global`
    /// and `documentation`), about which the setting `private_addresses` decides. Records about
    /// the queried address are kept.
    #[serde(default)]
    pub drop_addresses: Vec<Scope>,
}

/// A typed value of a row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Path of the value. If there are several paths, the first that leads to a value applies, unless `take` is given.
    #[serde(default)]
    pub at: Option<OneOrMany<PathText>>,
    /// Which of several times applies, for a `timestamp` with several paths.
    #[serde(default)]
    pub take: Take,
    /// Where the value is read from.
    #[serde(default)]
    pub from: FieldSource,
    /// Name of the response header, with `from: header`.
    #[serde(default)]
    pub header: Option<String>,
    /// Constant value for every record, with `from: constant`.
    #[serde(default)]
    pub value: Option<Scalar>,
    /// Type of the field. A value that is not of this type makes the record a bad record.
    #[serde(rename = "as")]
    pub kind: FieldType,
    /// Time format: `rfc3339`, `epoch-seconds`, `epoch-milliseconds`, `epoch-microseconds`, or a `strftime` pattern. If
    /// there are several, the first that matches applies. Unambiguous variants are accepted too: fractions of a second,
    /// a date without a time, and every ISO 8601 form for patterns that start with the year. An offset in the value
    /// takes precedence over `zone`. A format that reads the same values as an earlier one is an error: each `epoch-…`
    /// reads numbers of coarser units too.
    #[serde(default)]
    pub format: Option<OneOrMany<String>>,
    /// Time zone of times without an offset: `UTC` or a name of the IANA database. Where clocks are set
    /// back, an hour occurs twice, and its times are read as the earlier ones; times that are skipped are read with the
    /// offset before the change. An offset is at most 18 hours from UTC; a time with a larger one is invalid.
    #[serde(default)]
    pub zone: Option<String>,
    /// Whether the value may be absent or null. If it may not, such a record is a bad record.
    #[serde(default)]
    pub optional: bool,
    /// Values that mean "no value", such as `"None"` or `0`.
    #[serde(default)]
    pub none_when: Vec<Scalar>,
    /// Maps the provider's own values to standard ones, such as `IPv4: A`.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// Separator between several data values in one text, such as `";"`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub split: Option<String>,
    /// Suffix of relative names: the field that contains the suffix, or `observable`. An empty name and `@` denote the
    /// suffix itself.
    #[serde(default)]
    pub relative_to: Option<String>,
}

/// Which one of several values of a field applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Take {
    /// The value of the first path that leads to one.
    #[default]
    First,
    /// The earliest time of all paths.
    Earliest,
    /// The latest time of all paths.
    Latest,
}

/// Where the value of a field is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldSource {
    /// The row; `at` is relative to it.
    #[default]
    Row,
    /// The element that contains the row's list: the level above the row.
    Parent,
    /// The level above the parent.
    Grandparent,
    /// The whole response; `at` is relative to its root.
    Answer,
    /// The key of the row, if rows are the values of an object.
    Key,
    /// The key of the level above the row.
    ParentKey,
    /// The key of the level above the parent.
    GrandparentKey,
    /// The current value of `for_each`.
    Each,
    /// The value of the queried observable.
    Observable,
    /// A response header.
    Header,
    /// The constant in `value`.
    Constant,
}

/// Type that the values of a field are parsed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// A DNS record type by name or number: `A`, `aaaa`, `28`, `TYPE65`.
    Rrtype,
    /// A point in time.
    Timestamp,
    /// A whole number. A number in a text is accepted too.
    Integer,
    /// Any text.
    String,
    /// A domain name.
    DnsName,
    /// An IPv4 or IPv6 address.
    Ip,
    /// Record data in presentation format (RFC 1035 §5.1), or a list of such values.
    Rdata,
    /// A mailbox: `hostmaster@example.com`, or as in SOA records, `hostmaster.example.com` (RFC 1035 §8).
    Mailbox,
    /// An IP address that determines the record type: A for IPv4, AAAA for IPv6.
    RrtypeOfAddress,
    /// `true` or `false`. The same words in a text are accepted too.
    Boolean,
    /// A TLP level.
    Tlp,
}

impl FieldType {
    /// Returns a description of valid values, for use after `expected`.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Rrtype => "a DNS record type",
            Self::Timestamp => "a time",
            Self::Integer => "a whole number",
            Self::String => "text",
            Self::DnsName => "a domain name",
            Self::Ip => "an IP address",
            Self::Rdata => "record data",
            Self::Mailbox => "a mailbox",
            Self::RrtypeOfAddress => "an IP address",
            Self::Boolean => "true or false",
            Self::Tlp => "a TLP level",
        }
    }
}

/// A constant: text, whole number or boolean. It is equal to the same value in another type: `1` to `1.0` and `"1"`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any text.
    Text(String),
}

impl Scalar {
    /// Returns whether a JSON value is this one, in any type: header fields and delimited cells are always text, and providers
    /// mix `1`, `1.0` and `"1"`.
    pub fn is(&self, value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => self.is_text(text),
            serde_json::Value::Bool(flag) => self.is_boolean(*flag),
            serde_json::Value::Number(number) => match whole(number) {
                Some(integer) => self.is_integer(integer),
                None => self.is_text(&number.to_string()),
            },
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => false,
        }
    }

    /// Returns whether a text is this value.
    pub fn is_text(&self, other: &str) -> bool {
        match self {
            Self::Boolean(true) => other.eq_ignore_ascii_case("true"),
            Self::Boolean(false) => other.eq_ignore_ascii_case("false"),
            Self::Integer(number) => other.parse() == Ok(*number),
            Self::Text(text) => text == other,
        }
    }

    /// Returns whether a number is this value.
    pub fn is_integer(&self, other: i64) -> bool {
        match self {
            Self::Boolean(_) => false,
            Self::Integer(number) => *number == other,
            Self::Text(text) => text.parse() == Ok(other),
        }
    }

    /// Returns whether `true` or `false` is this value.
    pub fn is_boolean(&self, other: bool) -> bool {
        self.is_text(if other { "true" } else { "false" })
    }
}

/// Returns a number without a fraction as an integer, also if it is written as `1.0`.
fn whole(number: &serde_json::Number) -> Option<i64> {
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9.0e15);
    number.as_i64().or_else(|| float.and_then(|float| format!("{float:.0}").parse().ok()))
}

/// Which field is the owner name and which is the data, if a condition holds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Orientation {
    /// A MiniJinja condition over the fields. The last row must not have one.
    #[serde(default)]
    pub when: Option<String>,
    /// Source of the owner name: a field, or `observable`.
    pub rrname: String,
    /// Source of the data: a field, or `observable`.
    pub rdata: String,
    /// Interpretation of the data if its text alone does not determine it. A record with other data is a bad record.
    #[serde(default)]
    pub rdata_as: Option<RdataAs>,
}

/// How the text of a record's data is interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RdataAs {
    /// A mailbox, never a host name: `hostmaster@example.com`, or as in SOA records, `hostmaster.example.com` (RFC 1035
    /// §8).
    Mailbox,
}

/// Maximum share of bad records before a run fails.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BadRecords {
    /// Maximum share of bad records in a response. Above it the lookup fails, because the provider's format has
    /// probably changed; valid records are kept.
    #[schemars(regex(pattern = r"^(100|[0-9]{1,2})%$"), extend("x-form" = "a percentage, like `50%`"))]
    pub at_most: String,
}

impl BadRecords {
    /// Returns the permitted share of bad records in percent.
    pub fn percent(&self) -> u64 {
        self.at_most.trim_end_matches('%').parse().unwrap_or(100)
    }
}

impl Default for BadRecords {
    fn default() -> Self {
        Self { at_most: "50%".into() }
    }
}

/// How records that are not about the queried observable are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OtherNames {
    /// They are dropped and counted.
    #[default]
    Drop,
    /// They are converted to relationships of their own.
    Keep,
}

/// A time field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeField {
    /// Time of the first sighting, `time_first`.
    TimeFirst,
    /// Time of the last sighting, `time_last`.
    TimeLast,
}

impl fmt::Display for TimeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimeFirst => "time_first",
            Self::TimeLast => "time_last",
        })
    }
}
