//! How a provider's row becomes a record: typed fields, which side is the owner, how many bad rows are too many.

use super::text::{OneOrMany, PathText};
use crate::dns::{NOT_PUBLIC, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How a provider's row becomes a record in the terms of the passive-DNS Common Output Format.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordBlock {
    /// What is read from a row, by name. `rrname`, `rrtype`, `rdata`, `time_first`, `time_last`, `count` and `bailiwick`
    /// are those of the Common Output Format; other names serve conditions and texts.
    pub fields: BTreeMap<String, Field>,
    /// Which side is the owner's name and which the data, first match first; without it, the fields `rrname` and `rdata`.
    #[serde(default)]
    pub orientation: Vec<Orientation>,
    /// How many bad records make the answer one that cannot be believed.
    #[serde(default)]
    pub bad_records: BadRecords,
    /// What becomes of records that have nothing to do with the observable asked about.
    #[serde(default)]
    pub other_names: OtherNames,
    /// Records about an address of such a reach, other than the one asked about, are counted and left out, unless the setting
    /// `private_addresses` is `keep`. The default is all but `global` and `documentation`.
    #[serde(default = "RecordBlock::default_drop_addresses")]
    pub drop_addresses: Vec<Scope>,
}

impl RecordBlock {
    fn default_drop_addresses() -> Vec<Scope> {
        NOT_PUBLIC.to_vec()
    }
}

/// One value of a row, and of what type it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Where it stands; of several places the first that holds a value, unless `take` says otherwise.
    #[serde(default)]
    pub at: Option<OneOrMany<PathText>>,
    /// Of a time that stands in several places, which one is taken.
    #[serde(default)]
    pub take: Take,
    /// What `at` starts from, or what says it without a path.
    #[serde(default)]
    pub from: FieldSource,
    /// The response header, with `from: header`.
    #[serde(default)]
    pub header: Option<String>,
    /// The value of every record, with `from: constant`.
    #[serde(default)]
    pub value: Option<Scalar>,
    /// Of what type it is. A value that is not of its type makes the record a bad one.
    #[serde(rename = "as")]
    pub kind: FieldType,
    /// How a time is written: `rfc3339`, `epoch-seconds`, `epoch-milliseconds`, `epoch-microseconds`, or a pattern as in `strftime`; of several ways
    /// the first that fits. Other spellings of the same family are read where they have one meaning: a fraction of a second, a date
    /// alone, and, for patterns that begin with the year, every form of ISO 8601; an offset in the value wins over `zone`.
    #[serde(default)]
    pub format: Option<OneOrMany<String>>,
    /// The time zone of times that do not name one: `UTC` or a name of the IANA database.
    #[serde(default)]
    pub zone: Option<String>,
    /// Whether a record may do without it. Otherwise a record in which it is absent or null is a bad one.
    #[serde(default)]
    pub optional: bool,
    /// Values that stand for no value, such as `"None"` or `0`.
    #[serde(default)]
    pub none_when: Vec<Scalar>,
    /// Words of the provider's own, and what they are read as.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// The sign between several pieces of record data that stand in one text, such as `";"`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub split: Option<String>,
    /// For names that are written without their end: the field that holds it, or `observable`. An empty name, or `@`, is
    /// that end itself.
    #[serde(default)]
    pub relative_to: Option<String>,
}

/// Which of several values is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Take {
    /// That of the first place that holds one.
    #[default]
    First,
    /// The earliest time of all places.
    Earliest,
    /// The latest time of all places.
    Latest,
}

/// Where the value of a field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldSource {
    /// The row.
    #[default]
    Row,
    /// What the row's list stands in: the level above the row.
    Parent,
    /// The level above that.
    Grandparent,
    /// The whole answer.
    Answer,
    /// The row's key, where rows are the values of an object.
    Key,
    /// The key of the level above the row.
    ParentKey,
    /// The key of the level above that.
    GrandparentKey,
    /// The value of `{each}`, from the request.
    Each,
    /// The value of the observable that was asked about.
    Observable,
    /// A header of the response.
    Header,
    /// The same in every record: `value`.
    Constant,
}

/// Of what type a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// A DNS record type: `A`, `aaaa`, `28`, `TYPE65`.
    Rrtype,
    /// An instant.
    Timestamp,
    /// A whole number, also one written as text.
    Integer,
    /// Text.
    String,
    /// A domain name.
    DnsName,
    /// An IPv4 or IPv6 address.
    Ip,
    /// Record data in presentation format, or a list of such.
    Rdata,
    /// A mailbox: `hostmaster@example.com`, or as SOA records have it, `hostmaster.example.com`.
    Mailbox,
    /// An address, read as the record type that has it as data: A or AAAA.
    RrtypeOfAddress,
    /// `true` or `false`, also written as text.
    Boolean,
    /// A TLP level.
    Tlp,
}

impl FieldType {
    /// What a value of it is called.
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

/// A single value, as it may stand in JSON.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

impl Scalar {
    /// Whether a JSON value is this one.
    pub fn is(&self, value: &serde_json::Value) -> bool {
        match self {
            Self::Boolean(flag) => value.as_bool() == Some(*flag),
            Self::Integer(number) => value.as_i64() == Some(*number),
            Self::Text(text) => value.as_str() == Some(text),
        }
    }
}

/// Which side of a row is the owner's name, and which the data.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Orientation {
    /// A condition over the fields; the last row has none.
    #[serde(default)]
    pub when: Option<String>,
    /// The owner's name: a field, or `observable`.
    pub rrname: String,
    /// The data: a field, or `observable`.
    pub rdata: String,
    /// What the text of the data is, where the provider says it elsewhere than in the text. A record whose data is not that is a
    /// bad one.
    #[serde(default)]
    pub rdata_as: Option<RdataAs>,
}

/// What the text of a record's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RdataAs {
    /// A mailbox, never a host: `hostmaster@example.com`, or as SOA records have it, `hostmaster.example.com` (RFC 1035 §8).
    Mailbox,
}

/// How many bad records are too many.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BadRecords {
    /// The share of an answer's records that may be bad. Above it the lookup has failed, since the provider's answers have
    /// changed; what could be read is kept.
    #[schemars(regex(pattern = r"^(100|[0-9]{1,2})%$"), extend("x-form" = "a percentage, like `50%`"))]
    pub at_most: String,
}

impl BadRecords {
    /// The share, of 100.
    pub fn percent(&self) -> u64 {
        self.at_most.trim_end_matches('%').parse().unwrap_or(100)
    }
}

impl Default for BadRecords {
    fn default() -> Self {
        Self { at_most: "50%".into() }
    }
}

/// What becomes of records that have nothing to do with the observable asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OtherNames {
    /// They are counted, and left out.
    #[default]
    Drop,
    /// They become relationships of their own.
    Keep,
}

/// A time of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeField {
    /// When it was first seen.
    TimeFirst,
    /// When it was last seen.
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
