//! Values for fields: well-formed ones by type and side of the record, unusual ones, and hostile ones. Each is selected
//! by a number; 0 is the simplest.

use super::scenario::Cell;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::net::IpAddr;
use stixmap_engine::plan::{FieldPlan, Operand, Plan, TimeFormat};
use stixmap_engine::profile::{FieldType, Scalar};

/// The values for a profile's fields.
#[derive(Debug)]
pub(super) struct ValuePool {
    /// The types that rules name, and other ones.
    rrtypes: (Vec<String>, Vec<String>),
    /// Short quoted texts of the profile, such as literals in its conditions.
    literals: Vec<String>,
    hostile: Vec<Value>,
    sides: Vec<SideOf>,
    /// Whether several fields can be on either side.
    has_two_sides: bool,
    /// The field with the time first seen.
    first: Option<usize>,
    now: Timestamp,
}

/// What a row's values describe.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The record type.
    pub(super) rrtype: u16,
    /// The value of the observable.
    pub(super) asked: &'a str,
}

/// The side of a record that a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum SideOf {
    Owner,
    Data,
    /// Either one, depending on a condition.
    Both,
    Neither,
}

pub(super) const NAMES: [&str; 11] = [
    "example.com",
    "www.example.com",
    "mail.example.net.",
    "EXAMPLE.com.",
    "*.example.com",
    "_dmarc.example.com",
    "bücher.example",
    "1.2.0.192.in-addr.arpa.",
    "first\\.last.example.com",
    ".",
    "a..b",
];
const V4: [&str; 5] = ["192.0.2.1", "192.0.2.2", "198.51.100.7", "127.0.0.1", "10.0.0.1"];
const V6: [&str; 4] = ["2001:db8::1", "2001:DB8:0:0::1", "::ffff:192.0.2.1", "2001:db8::2"];
const MX: [&str; 3] = ["10 mail.example.com.", "mail.example.com", "0 ."];
const SOA: [&str; 3] =
    ["ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 86400", "hostmaster@example.com", "ns1.example.com"];
const TXT: [&str; 3] = ["\"v=spf1 -all\"", "\"a\" \"b\"", "plain"];
const MAILBOXES: [&str; 3] = ["hostmaster@example.com", "hostmaster.example.com", "first\\.last.example.com."];
const LEVELS: [&str; 7] = ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED", "white", "amber"];
const COMMON: [&str; 12] = ["A", "AAAA", "MX", "NS", "SOA", "CNAME", "TXT", "PTR", "aaaa", "28", "TYPE65", "SRV"];

impl ValuePool {
    /// Creates the pool for a profile with these secrets.
    pub(super) fn new(plan: &Plan, secrets: &[(String, String)], now: Timestamp) -> ValuePool {
        let of_rules = plan.rules.rules.iter().flat_map(|rule| rule.rrtypes.iter().map(ToString::to_string));
        let mut rrtypes = (of_rules.collect::<Vec<String>>(), COMMON.map(str::to_owned).to_vec());
        if rrtypes.0.is_empty() {
            rrtypes.0.clone_from(&rrtypes.1);
        }
        let sides: Vec<SideOf> = (0..plan.record.fields.len()).map(|field| side(plan, field)).collect();
        ValuePool {
            rrtypes,
            literals: literals(&plan.source.text),
            hostile: hostile(secrets),
            has_two_sides: sides.iter().filter(|side| **side == SideOf::Both).count() > 1,
            sides,
            first: plan.record.roles[0],
            now,
        }
    }

    /// Returns the value of a field; `None` if it is missing.
    pub(super) fn value(&self, field: usize, plan: &FieldPlan, cell: &Cell, about: About) -> Option<Value> {
        match cell {
            Cell::Valid(number) => Some(self.well(field, plan, *number, about)),
            Cell::Unusual(number) => Some(self.odd(plan, *number)),
            Cell::Invalid(number) => Some(self.hostile(*number)),
            Cell::Text(text) => Some(text.as_str().into()),
            Cell::Missing => None,
        }
    }

    /// Returns a hostile value.
    pub(super) fn hostile(&self, number: u16) -> Value {
        pick(&self.hostile, number).clone()
    }

    /// Returns a hostile text.
    pub(super) fn hostile_text(&self, number: u16) -> String {
        match self.hostile(number) {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    fn well(&self, field: usize, plan: &FieldPlan, number: u16, about: About) -> Value {
        let rrtype = self.rrtype(about);
        if let Some(asked) = self.asked(field, plan, rrtype, about) {
            return asked.into();
        }
        match plan.kind {
            FieldType::Rrtype => rrtype.into(),
            FieldType::Timestamp => self.time(self.first == Some(field), plan, number),
            FieldType::Integer => number.into(),
            FieldType::DnsName => (*pick(&NAMES, number)).into(),
            FieldType::Ip | FieldType::RrtypeOfAddress => match number % 2 {
                0 => (*pick(&V4, number / 2)).into(),
                _ => (*pick(&V6, number / 2)).into(),
            },
            FieldType::Mailbox => (*pick(&MAILBOXES, number)).into(),
            FieldType::Boolean => (number % 2 == 1).into(),
            FieldType::Tlp => (*pick(&LEVELS, number)).into(),
            FieldType::Rdata if number % 7 == 6 => json!([data(rrtype, number), data(rrtype, number / 7), "."]),
            FieldType::Rdata => data(rrtype, number).into(),
            FieldType::String => self.text(self.sides[field], rrtype, number).into(),
        }
    }

    /// Returns a record type, mostly one that rules name; for an address, mostly the type with that address as data.
    fn rrtype(&self, about: About) -> &str {
        match (about.rrtype % 8, about.asked.parse::<IpAddr>()) {
            (0..=5, Ok(IpAddr::V4(_))) => "A",
            (0..=5, Ok(IpAddr::V6(_))) => "AAAA",
            (7, _) => pick(&self.rrtypes.1, about.rrtype / 8).as_str(),
            _ => pick(&self.rrtypes.0, about.rrtype / 8).as_str(),
        }
    }

    /// Returns the observable on the side where it can be: most profiles drop rows about other names.
    fn asked<'a>(&self, field: usize, plan: &FieldPlan, rrtype: &str, about: About<'a>) -> Option<&'a str> {
        let is_address = about.asked.parse::<IpAddr>().is_ok();
        // If two fields can be on either side, mostly one of them is the observable; a single one is on the other side.
        let rank = self.sides[..field].iter().filter(|side| **side == SideOf::Both).count();
        let is_turn = self.has_two_sides && (usize::from(about.rrtype / 64) + rank).is_multiple_of(2);
        let is_text = matches!(plan.kind, FieldType::String | FieldType::DnsName | FieldType::Rdata | FieldType::Ip);
        let fits = match self.sides[field] {
            SideOf::Owner => !is_address || rrtype == "PTR",
            SideOf::Data => is_address && matches!(rrtype, "A" | "AAAA") || !is_address && rrtype == "PTR",
            SideOf::Both if is_address && !is_turn => return Some(NAMES[usize::from(about.rrtype / 64) % 3]),
            SideOf::Both => is_turn,
            SideOf::Neither => false,
        };
        let is_often = about.rrtype / 64 % 8 != 7;
        (is_text && fits && is_often).then_some(about.asked)
    }

    fn text(&self, side: SideOf, rrtype: &str, number: u16) -> String {
        match (side, number % 8) {
            (SideOf::Owner, 0..=5) => (*pick(&NAMES, number / 8)).to_owned(),
            (SideOf::Data | SideOf::Both, 0..=5) => data(rrtype, number / 8).to_owned(),
            (SideOf::Data | SideOf::Both, 6) => (*pick(&NAMES, number / 8)).to_owned(),
            (SideOf::Neither, 0) => number.to_string(),
            (_, 7) => (*pick(&NAMES, number / 8)).to_owned(),
            _ if self.literals.is_empty() => String::new(),
            _ => pick(&self.literals, number / 8).clone(),
        }
    }

    /// Returns a time, mostly in the last month, a first time before it; else up to five years ago or slightly in the
    /// future.
    fn time(&self, is_first: bool, plan: &FieldPlan, number: u16) -> Value {
        let back = match number % 12 {
            11 => i64::from(number / 12 % 4096) * 40_009 - 90_000,
            _ if is_first => i64::from(number / 12 % 512) * 5_003 + 30 * 86_400,
            _ => i64::from(number / 12 % 512) * 5_003,
        };
        let back = SignedDuration::from_secs(back);
        let time = self.now.checked_sub(back).unwrap_or(self.now);
        let format = &plan.formats[usize::from(number) % plan.formats.len()];
        match format {
            TimeFormat::EpochSeconds => time.as_second().into(),
            TimeFormat::EpochMilliseconds => time.as_millisecond().into(),
            _ => format.write(time).into(),
        }
    }

    fn odd(&self, plan: &FieldPlan, number: u16) -> Value {
        let mut odd: Vec<Value> = plan.none_when.iter().map(scalar).collect();
        odd.extend(plan.aliases.keys().map(|alias| Value::from(alias.as_str())));
        odd.extend([json!(""), json!(" example.com "), json!("7"), json!("-7"), json!(i64::MAX), json!(["192.0.2.1"])]);
        odd.extend([
            json!("192.0.2.0/24"),
            json!("999.1.1.1"),
            json!("true"),
            json!("0"),
            json!("1e400"),
            json!("None"),
        ]);
        odd.extend(
            ["MX", "2024-02-30", "9999-12-31T23:59:60Z", "example.com", "192.0.2.1", "TLP:PURPLE"].map(Value::from),
        );
        pick(&odd, number).clone()
    }
}

fn pick<T>(from: &[T], number: u16) -> &T {
    &from[usize::from(number) % from.len()]
}

fn data(rrtype: &str, number: u16) -> &'static str {
    let data: &[&str] = match rrtype {
        "A" => &V4,
        "AAAA" | "aaaa" | "28" => &V6,
        "MX" => &MX,
        "SOA" => &SOA,
        "TXT" | "SPF" => &TXT,
        _ => &NAMES,
    };
    data[usize::from(number) % data.len()]
}

fn side(plan: &Plan, field: usize) -> SideOf {
    let is = |operand: Operand| operand == Operand::Field(field);
    let is_data = plan.record.orientation.iter().any(|row| is(row.rdata));
    let is_owner = plan.record.orientation.iter().any(|row| is(row.rrname));
    match (is_owner, is_data) {
        (true, true) => SideOf::Both,
        (true, false) => SideOf::Owner,
        (false, true) => SideOf::Data,
        (false, false) => SideOf::Neither,
    }
}

/// Returns a scalar of a profile as JSON.
pub(super) fn scalar(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Boolean(flag) => (*flag).into(),
        Scalar::Integer(number) => (*number).into(),
        Scalar::Text(text) => text.as_str().into(),
    }
}

/// Returns the short quoted texts.
fn literals(text: &str) -> Vec<String> {
    let mut literals: Vec<String> = vec![];
    for line in text.lines() {
        let inner = line.split(['"', '\'']).skip(1);
        let short =
            inner.filter(|literal| (1..=20).contains(&literal.len()) && literal.chars().all(char::is_alphanumeric));
        literals.extend(short.map(str::to_owned));
    }
    literals.sort();
    literals.dedup();
    literals
}

/// Returns values of no field type and hostile texts, including the names and values of secrets.
fn hostile(secrets: &[(String, String)]) -> Vec<Value> {
    let mut values = vec![json!(null), json!(true), json!(-1), json!(1.5), json!(u64::MAX), json!([]), json!({})];
    values.extend([json!([null]), json!({ "a": [] }), json!([["192.0.2.1"]])]);
    let texts = [
        "\0",
        "a\0b.example.com",
        "../../etc/passwd",
        "%2e%2e/",
        "{{ rrtype }}",
        "{% for a in b %}",
        "{observable.value}",
    ];
    values.extend(texts.map(Value::from));
    values.extend(
        ["\r\nX-A: b", "';--\"`", "\u{202e}moc.elpmaxe", "\u{1b}[2J", "\u{feff}", "a,b|c\td", "https://other.example/"]
            .map(Value::from),
    );
    values.extend(["x".repeat(64), format!("{}example.com", "a.".repeat(120)), "é".repeat(3000)].map(Value::from));
    for (name, secret) in secrets {
        let texts = [
            format!("{{{name}}}"),
            format!("{{settings.{name}}}"),
            secret.clone(),
            format!("{secret}.example.com"),
            format!("https://other.example/?key={}", encoded(secret)),
        ];
        values.extend(texts.map(Value::from));
    }
    values
}

/// Returns a secret percent-encoded; only these characters of it need encoding.
pub(super) fn encoded(secret: &str) -> String {
    secret.replace('+', "%2B").replace('=', "%3D")
}
