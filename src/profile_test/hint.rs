//! Suggests the missing case for a part of a profile that no case depends on: a table from blocks of the language to
//! what a case must contain to depend on one.

use super::part::Part;
use super::phrasing::short;
use serde_json::Value;

/// A block's name in the JSON Schema of the language, and the suggestion for a part of it.
type Row = (&'static str, fn(&Subject) -> String);

/// A block that contains the part.
struct Subject<'p> {
    part: &'p Part<'p>,
    pointer: &'p str,
    value: &'p Value,
}

/// The row whose block is nearest to the part applies.
const ROWS: &[Row] = &[
    ("Rule", rule),
    ("AlsoRelate", |subject| format!("a record that holds `{}`", short(&subject.value["field"]))),
    ("Orientation", |_| "a record that meets its condition, and one that does not".into()),
    ("Answer", answer),
    ("Field", field),
    ("BadRecords", |_| "exactly as many bad records as permitted, and one with more".into()),
    ("OffsetLimit", |subject| one_less(&subject.value["value"], "rows on a page")),
    ("Paging", paging),
    ("QueryValue", |subject| format!("an exchange whose request contains `{}`", last(subject.pointer))),
    ("Lookup", lookup),
    ("Window", |_| "records just inside the window and just outside".into()),
    ("Setting", |subject| format!("an outcome that depends on the setting `{}`", last(subject.pointer))),
    ("Retry", retry),
    ("Rate", rate),
    ("QuotaHeaders", |_| "a response whose headers report an exhausted quota and its reset".into()),
    ("Expiry", |_| "a wait longer than the token's lifetime, and another request after it".into()),
    ("Auth", auth),
    ("Quota", |_| "an exhausted quota and its reset time".into()),
    ("RelationshipBlock", |_| "two records of the same relationship, seen at different times".into()),
    ("PapBlock", |_| "an observable whose PAP marking is just above the limit".into()),
    ("TlpBlock", |_| "an observable marked exactly at the limit, one just above it, and an unmarked one".into()),
    ("RecordBlock", record),
    ("Http", |_| "a request that depends on it".into()),
];

/// Returns the suggestion for a case that detects a change to this part.
pub(super) fn hint(part: &Part) -> String {
    let own = part.value.is_object().then_some((&part.names, part.pointer.as_str(), part.value));
    let around = part.around.iter().rev().map(|block| (&block.names, block.pointer.as_str(), block.value));
    let suggestion = own.into_iter().chain(around).find_map(|(names, pointer, value)| {
        let row = ROWS.iter().find(|(name, _)| names.contains(name))?;
        Some(row.1(&Subject { part, pointer, value }))
    });
    format!("add a case with {}", suggestion.unwrap_or_else(|| "an outcome that depends on it".into()))
}

fn last(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or_default()
}

/// Describes the records that a rule applies to.
fn rule(subject: &Subject) -> String {
    if let Some(pack) = subject.value.get("use") {
        return format!("records that match rules of the pack `{}`", short(pack));
    }
    let of_part = (subject.part.key() == "rrtype").then_some(subject.part.value).filter(|value| value.is_string());
    let types = texts(of_part.unwrap_or(&subject.value["rrtype"]));
    let records = match types.first().map(String::as_str) {
        None | Some("*") => "a record of a type that no other rule matches".to_owned(),
        Some(first) => format!("{} {} record", article(first), types.join(" or ")),
    };
    match subject.value.get("when") {
        Some(when) => format!("{records} that meets `{}`, and one that does not", short(when)),
        None => records,
    }
}

/// Describes responses at a bound and just below it.
fn one_less(bound: &Value, of: &str) -> String {
    match bound.as_i64() {
        Some(bound) => format!("a response with {} {of}, and one with {bound}", bound - 1),
        None => format!("a response with exactly as many {of} as requested, and one with fewer"),
    }
}

fn paging(subject: &Subject) -> String {
    if subject.part.key() == "cap" {
        return one_less(&subject.value["cap"], "rows");
    }
    match subject.value["at_most"].as_u64() {
        Some(most) => format!("{most} pages, and one with {} pages", most + 1),
        None => "as many pages as permitted, and one with more".into(),
    }
}

fn retry(subject: &Subject) -> String {
    let times = subject.value["attempts"]
        .as_u64()
        .map_or_else(|| "until the retries are exhausted".into(), |most| format!("{most} times"));
    format!("a provider that answers 503 without `Retry-After`, requested {times}: the transcript contains each wait")
}

fn rate(subject: &Subject) -> String {
    match (subject.value["requests"].as_u64(), subject.value["per"].as_str()) {
        (Some(most), Some(per)) => format!("{} requests within {per}: the transcript contains the wait", most + 1),
        _ => "more requests than the rate limit permits".into(),
    }
}

fn auth(subject: &Subject) -> String {
    match subject.value["kind"].as_str() {
        Some("signature") => "a signed request: the transcript contains the digest".into(),
        Some("token") => "a request that sends the token, and one after a 401 response".into(),
        _ => "a request that contains it".into(),
    }
}

fn record(subject: &Subject) -> String {
    match subject.part.key() {
        "drop_addresses" => format!("a record whose address is {}", texts(subject.part.value).join(" or ")),
        "other_names" => "a record about a name other than the observable".into(),
        _ => "records that depend on it".into(),
    }
}

/// Describes records for the null values, aliases and type of a field.
fn field(subject: &Subject) -> String {
    let name = last(subject.pointer);
    match subject.part.key() {
        "none_when" => return format!("a record in which `{name}` is `{}`", texts(subject.part.value).join("` or `")),
        "optional" => return format!("a record without `{name}`"),
        "as" | "format" | "zone" if subject.pointer.contains("/fields/") => {
            return format!("a record that depends on how `{name}` is parsed: another format, or a bad value");
        }
        _ => {}
    }
    let of = if subject.pointer.contains("/fields/") { "records" } else { "responses" };
    format!("{of} whose result depends on `{}`", last(subject.pointer))
}

/// Describes the responses that an `answers` row matches.
fn answer(subject: &Subject) -> String {
    let status = texts(&subject.value["status"]).join(" or ");
    let status = if status.is_empty() { "any status".to_owned() } else { format!("status {status}") };
    let body = match (subject.value.pointer("/body/contains"), subject.value.pointer("/body/at")) {
        (Some(text), _) => format!(" and `{}` in the body", short(text)),
        (None, Some(path)) => format!(" and `{}` in the body", short(path)),
        (None, None) => String::new(),
    };
    let message =
        subject.value.get("message").map(|path| format!(", with a message at `{}`", texts(path).join("` or `")));
    format!("a response with {status}{body}{}", message.unwrap_or_default())
}

fn lookup(subject: &Subject) -> String {
    match texts(&subject.value["accepts"]).join(", ") {
        _ if subject.part.key() == "accepts" && subject.part.value.is_string() => {
            format!("an observable of type `{}`", short(subject.part.value))
        }
        kinds if subject.part.key() == "accepts" => format!("each observable type that it accepts: {kinds}"),
        _ => format!("a request of the lookup `{}`", last(subject.pointer)),
    }
}

/// Returns a single text or number, or a list of them, as texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => vec![],
        Value::Array(list) => list.iter().map(short).collect(),
        value => vec![short(value)],
    }
}

/// Returns the indefinite article: short names are read letter by letter (an MX record, a CNAME record).
fn article(name: &str) -> &'static str {
    let is_vowel =
        |letter: char| if name.len() > 4 { "AEIO".contains(letter) } else { "AEFHILMNORSX".contains(letter) };
    if name.chars().next().is_some_and(is_vowel) { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::ROWS;
    use crate::profile_test::part::has_block;

    #[test]
    fn every_row_names_a_block_of_the_language() {
        for (name, _) in ROWS {
            assert!(has_block(name), "unknown block `{name}`");
        }
    }
}
