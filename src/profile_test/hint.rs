//! Which case is missing, for a part of a profile that no case depends on. A table: the blocks of the language, and what a
//! case must show to depend on one.

use super::part::Part;
use super::phrasing::short;
use serde_json::Value;

/// What is said for a block: its name in the language, and the words for one with this value.
type Row = (&'static str, fn(&Spoken) -> String);

/// A block that a part belongs to.
struct Spoken<'p> {
    part: &'p Part<'p>,
    pointer: &'p str,
    value: &'p Value,
}

/// The first row whose block is nearest to the part decides.
const ROWS: &[Row] = &[
    ("Rule", rule),
    ("Besides", |spoken| format!("a record that holds `{}`", short(&spoken.value["field"]))),
    ("Orientation", |_| "records for which its condition holds and for which it does not".into()),
    ("Answer", answer),
    ("Field", field),
    ("BadRecords", |_| "just as many bad records as are taken, and one with more".into()),
    ("OffsetLimit", |spoken| one_less(&spoken.value["value"], "rows on a page")),
    ("Paging", paging),
    ("QueryValue", |spoken| format!("an exchange whose request names `{}`", last(spoken.pointer))),
    ("Lookup", lookup),
    ("Window", |_| "records just inside the window and just outside".into()),
    ("Setting", |spoken| format!("an outcome that depends on the setting `{}`", last(spoken.pointer))),
    ("Retry", retry),
    ("Rate", rate),
    ("QuotaHeaders", |_| "an answer whose headers say that nothing is left, and until when".into()),
    ("Expiry", |_| "a wait longer than the token lives, and another request after it".into()),
    ("Auth", auth),
    ("Quota", |_| "a quota that is just used up, and until when".into()),
    ("RelationshipBlock", |_| "two records of one fact, seen at different times".into()),
    ("PapBlock", |_| "an observable whose PAP marking is just above the limit".into()),
    ("TlpBlock", |_| "an observable that is marked just at the limit, just above it, or not at all".into()),
    ("RecordBlock", record),
    ("Http", |_| "a request that shows it".into()),
];

/// What to do that a change of this part is noticed.
pub(super) fn hint(part: &Part) -> String {
    let own = part.value.is_object().then_some((&part.names, part.pointer.as_str(), part.value));
    let around = part.around.iter().rev().map(|block| (&block.names, block.pointer.as_str(), block.value));
    let told = own.into_iter().chain(around).find_map(|(names, pointer, value)| {
        let row = ROWS.iter().find(|(name, _)| names.contains(name))?;
        Some(row.1(&Spoken { part, pointer, value }))
    });
    format!("add a case with {}", told.unwrap_or_else(|| "an outcome that depends on it".into()))
}

fn last(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or_default()
}

/// The records that a rule is for.
fn rule(spoken: &Spoken) -> String {
    if let Some(pack) = spoken.value.get("use") {
        return format!("records that go by rules of the pack `{}`", short(pack));
    }
    let of_part = (spoken.part.key() == "rrtype").then_some(spoken.part.value).filter(|value| value.is_string());
    let types = words(of_part.unwrap_or(&spoken.value["rrtype"]));
    let records = match types.first().map(String::as_str) {
        None | Some("*") => "a record of a type that no other rule takes".to_owned(),
        Some(first) => format!("{} {} record", article(first), types.join(" or ")),
    };
    match spoken.value.get("when") {
        Some(when) => format!("{records} for which `{}` holds, and one for which it does not", short(when)),
        None => records,
    }
}

/// Just at a bound, and one less.
fn one_less(bound: &Value, of: &str) -> String {
    match bound.as_i64() {
        Some(bound) => format!("an answer with {} {of}, and one with {bound}", bound - 1),
        None => format!("an answer with just as many {of} as are asked for, and one with less"),
    }
}

fn paging(spoken: &Spoken) -> String {
    if spoken.part.key() == "cap" {
        return one_less(&spoken.value["cap"], "rows");
    }
    match spoken.value["at_most"].as_u64() {
        Some(most) => format!("{most} pages, and one with {} pages", most + 1),
        None => "as many pages as are asked for, and one with more".into(),
    }
}

fn retry(spoken: &Spoken) -> String {
    let times = spoken.value["attempts"]
        .as_u64()
        .map_or_else(|| "as often as it may be".into(), |most| format!("{most} times"));
    format!(
        "a provider that is out of order (503, without `Retry-After`) and asked {times}: the transcript tells each wait"
    )
}

fn rate(spoken: &Spoken) -> String {
    match (spoken.value["requests"].as_u64(), spoken.value["per"].as_str()) {
        (Some(most), Some(per)) => format!("{} requests within {per}: the transcript tells the wait", most + 1),
        _ => "more requests than may be sent in one stretch".into(),
    }
}

fn auth(spoken: &Spoken) -> String {
    match spoken.value["kind"].as_str() {
        Some("signature") => "a request that is signed: the transcript tells the digest".into(),
        Some("token") => "a request that shows the token, and one after an answer of 401".into(),
        _ => "a request that shows it".into(),
    }
}

fn record(spoken: &Spoken) -> String {
    match spoken.part.key() {
        "drop_addresses" => format!("a record whose address is {}", words(spoken.part.value).join(" or ")),
        "other_names" => "a record about another name than was asked for".into(),
        _ => "records that depend on it".into(),
    }
}

/// The values that a field takes for none, or for others.
fn field(spoken: &Spoken) -> String {
    let name = last(spoken.pointer);
    match spoken.part.key() {
        "none_when" => return format!("a record in which `{name}` is `{}`", words(spoken.part.value).join("` or `")),
        "optional" => return format!("a record without `{name}`"),
        "as" | "format" | "zone" if spoken.pointer.contains("/fields/") => {
            return format!("a record that shows how `{name}` is read: of another form, or bad");
        }
        _ => {}
    }
    let of = if spoken.pointer.contains("/fields/") { "records" } else { "answers" };
    format!("{of} in which `{}` decides what comes of them", last(spoken.pointer))
}

/// The answers that a row is about.
fn answer(spoken: &Spoken) -> String {
    let status = words(&spoken.value["status"]).join(" or ");
    let status = if status.is_empty() { "any status".to_owned() } else { status };
    let body = match (spoken.value.pointer("/body/contains"), spoken.value.pointer("/body/at")) {
        (Some(text), _) => format!(" and `{}` in the body", short(text)),
        (None, Some(path)) => format!(" and `{}` in the body", short(path)),
        (None, None) => String::new(),
    };
    let message = spoken.value.get("message").map(|path| format!(", saying why at `{}`", words(path).join("` or `")));
    format!("an answer of {status}{body}{}", message.unwrap_or_default())
}

fn lookup(spoken: &Spoken) -> String {
    match words(&spoken.value["accepts"]).join(", ") {
        _ if spoken.part.key() == "accepts" && spoken.part.value.is_string() => {
            format!("an observable of the type {}", short(spoken.part.value))
        }
        kinds if spoken.part.key() == "accepts" => format!("each type of observable it accepts: {kinds}"),
        _ => format!("a request of the lookup `{}`", last(spoken.pointer)),
    }
}

/// One text or number, or several.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Null => vec![],
        Value::Array(list) => list.iter().map(short).collect(),
        value => vec![short(value)],
    }
}

/// Letters are spoken by their names: an MX record, a CNAME record.
fn article(word: &str) -> &'static str {
    let is_vowel = |sign: char| if word.len() > 4 { "AEIO".contains(sign) } else { "AEFHILMNORSX".contains(sign) };
    if word.chars().next().is_some_and(is_vowel) { "an" } else { "a" }
}
