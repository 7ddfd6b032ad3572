//! An independent implementation of the mapping, as simple and slow as possible: it reads the profile as plain YAML and
//! responses as plain trees. It shares only the parsers of DNS data and observables with the engine, and panics on
//! features that no built-in profile uses.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, civil};
use minijinja::Environment;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use stixmap_engine::dns::{Mailbox, Name, Rdata, RrType, parse_address, reverse_name, scope};
use stixmap_engine::stix::{Observable, ObservableType, Tlp};

/// Source, relationship and target, each with type and value; first and last seen; sorted.
pub(super) type Found = Vec<([String; 3], Option<Timestamp>, Option<Timestamp>)>;

/// Relationships by the type of the record; no period if the record has no times.
type Reports = BTreeMap<([String; 3], String), Vec<Period>>;

/// The reported starts and stops of a period.
type Period = (Vec<Timestamp>, Vec<Timestamp>);

/// A profile and the lookup of an observable.
pub(super) struct Second<'s> {
    pub(super) profile: &'s Value,
    pub(super) rules: &'s [Value],
    pub(super) lookup: &'s Value,
    pub(super) each: Option<&'s str>,
    pub(super) asked: &'s Observable,
}

/// The texts of a row by field; `None` for a field without value.
type Fields = BTreeMap<String, Option<Vec<String>>>;

/// A row or one of its ancestors, with its key if it is an entry of an object.
#[derive(Clone)]
struct Node {
    key: Option<String>,
    value: Value,
}

impl Second<'_> {
    /// Maps a response; `None` if it does not match the framing.
    pub(super) fn map(&self, body: &str) -> Option<Found> {
        let mut found = Reports::new();
        for ancestors in self.rows(body)? {
            if self.is_record(&ancestors[ancestors.len() - 1].value)
                && let Some(fields) = self.fields(&ancestors)
            {
                self.row(&fields, &mut found);
            }
        }
        let relationship = &self.profile["relationship"];
        assert!(
            relationship["repeats"].is_null() && relationship["gap"].is_null(),
            "all shipped profiles have the default"
        );
        let gap = relationship["start_time"].is_string().then_some(SignedDuration::from_hours(30 * 24));
        let periods =
            |((ends, _), periods)| joined(periods, gap).into_iter().map(move |period| with_period(&ends, period));
        let mut found: Found = found.into_iter().flat_map(periods).collect();
        found.sort();
        Some(found)
    }

    /// Returns every row with its ancestors, beginning with the response.
    fn rows(&self, body: &str) -> Option<Vec<Vec<Node>>> {
        let lines = || body.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let answers: Vec<Value> = match self.lookup["framing"].as_str().unwrap_or("json") {
            "json" => vec![serde_json::from_str(body).ok()?],
            "ndjson" => lines().collect(),
            "saf" => lines().filter_map(|line| Some(line.as_object()?.get("obj")?.clone())).collect(),
            "delimited" => {
                let separator = self.lookup["columns"]["separator"].as_str()?;
                let cells = |line: &str| line.split(separator).map(|cell| Value::from(cell.trim())).collect::<Vec<_>>();
                let rows = body.lines().map(cells).filter(|cells| cells.len() <= self.columns());
                rows.map(Value::from).collect()
            }
            other => panic!("no shipped profile has framing {other}"),
        };
        let mut ways: Vec<Vec<Node>> = answers.into_iter().map(|value| vec![Node { key: None, value }]).collect();
        for level in list(&self.lookup["records"]) {
            let (at, is) = match &level {
                Value::String(at) => (at.as_str(), "list"),
                level => (level["at"].as_str()?, level["is"].as_str().unwrap_or("list")),
            };
            let keys = list(&level["keys"]);
            let below = |ancestors: Vec<Node>| {
                let of_list = |items: Vec<Value>| items.into_iter().map(|value| Node { key: None, value }).collect();
                let inner: Vec<Node> = match (find(&ancestors[ancestors.len() - 1].value, at), is) {
                    (Some(Value::Object(entries)), "map") => {
                        let is_read = |key: &String| keys.is_empty() || keys.contains(&Value::from(key.as_str()));
                        let entries = entries.into_iter().filter(|(key, _)| is_read(key));
                        entries.map(|(key, value)| Node { key: Some(key), value }).collect()
                    }
                    (Some(Value::Array(items)), "list" | "one-or-many") => of_list(items),
                    (Some(item), "one-or-many") if !item.is_null() => of_list(vec![item]),
                    (_, "list" | "one-or-many" | "map") => vec![],
                    (_, other) => panic!("no shipped profile has levels of {other}"),
                };
                inner.into_iter().map(move |node| [&ancestors[..], &[node]].concat()).collect::<Vec<_>>()
            };
            ways = ways.into_iter().flat_map(below).collect();
        }
        Some(ways)
    }

    /// Returns the number of columns that the fields read.
    fn columns(&self) -> usize {
        let fields = self.profile["record"]["fields"].as_object().expect("fields");
        let places = fields.values().filter_map(|field| field["at"].as_str()?.strip_prefix("$[")?.strip_suffix(']'));
        places.filter_map(|index| index.parse::<usize>().ok()).max().map_or(0, |last| last + 1)
    }

    fn is_record(&self, row: &Value) -> bool {
        let holds = |test: &Value| {
            let found = find(row, test["at"].as_str().expect("a path"));
            found.is_some_and(|found| list(&test["is"]).contains(&found))
        };
        list(&self.lookup["only"]).iter().all(holds) && !list(&self.lookup["except"]).iter().any(holds)
    }

    /// Returns the fields of a row; `None` if one of them is bad.
    fn fields(&self, ancestors: &[Node]) -> Option<Fields> {
        let specs = self.profile["record"]["fields"].as_object().expect("fields");
        let mut fields = Fields::new();
        for (name, spec) in specs {
            fields.insert(name.clone(), self.field(spec, ancestors)?);
        }
        for (name, spec) in specs {
            let (Some(end), Some(Some(text))) = (spec["relative_to"].as_str(), fields.get(name).cloned()) else {
                continue;
            };
            let end = Name::parse(&fields[end].as_ref()?[0]).ok()?;
            let joined = if text[0].is_empty() { end } else { end.join(&text[0]).ok()? };
            fields.insert(name.clone(), Some(vec![joined.to_string()]));
        }
        Some(fields)
    }

    fn field(&self, spec: &Value, ancestors: &[Node]) -> Option<Option<Vec<String>>> {
        let around = |up: usize| ancestors.len().checked_sub(1 + up).map(|at| &ancestors[at]);
        let from = |node: Option<&Node>| -> Vec<Value> {
            list(&spec["at"]).iter().filter_map(|at| find(&node?.value, at.as_str()?)).collect()
        };
        let key = |node: Option<&Node>| node.and_then(|node| node.key.clone()).map(Value::from).into_iter().collect();
        let values = match spec["from"].as_str().unwrap_or("row") {
            "row" => from(around(0)),
            "parent" => from(around(1)),
            "answer" => from(ancestors.first()),
            "parent-key" => key(around(1)),
            "each" => self.each.map(Value::from).into_iter().collect(),
            "constant" => vec![spec["value"].clone()],
            other => panic!("no shipped profile has fields from {other}"),
        };
        let nothing = list(&spec["none_when"]);
        let is_nothing = |value: &Value| nothing.iter().any(|none| plain_text(none) == plain_text(value));
        match values.iter().find(|value| !value.is_null() && !is_nothing(value)) {
            Some(value) => typed(spec, value).map(Some),
            None => (spec["optional"] == true).then_some(None),
        }
    }

    /// Maps a row, unless it is dropped.
    fn row(&self, fields: &Fields, found: &mut Reports) -> Option<()> {
        let one = |name: &str| fields.get(name)?.as_ref()?.first().cloned();
        let side = |name: &str| match name {
            "observable" => Some(vec![self.asked.value().to_owned()]),
            field => fields[field].clone(),
        };
        let usual = [serde_json::json!({ "rrname": "rrname", "rdata": "rdata" })];
        let rows = self.profile["record"]["orientation"].as_array().map_or(&usual[..], |rows| &rows[..]);
        let row = rows.iter().find(|row| self.holds(&row["when"], fields, &[]))?;
        let rrtype = RrType::parse(&one("rrtype")?).ok()?;
        let named = |owner: &String| match parse_address(owner) {
            Ok(address) if rrtype == RrType::PTR => Some(reverse_name(address)),
            Ok(_) => None,
            Err(_) => Name::parse(owner).ok(),
        };
        let owners: Vec<Name> = side(row["rrname"].as_str()?)?.iter().map(named).collect::<Option<_>>()?;
        let time = |name: &str| one(name).map(|text| text.parse::<Timestamp>().expect("it was written as one"));
        let is_backwards = time("time_first").zip(time("time_last")).is_some_and(|(first, last)| first > last);
        let is_negative = one("count").is_some_and(|count| count.starts_with('-'));
        if is_backwards || is_negative {
            return None;
        }
        let mailbox = |text: &String| match text.as_str() {
            "." => Some(text.clone()),
            text => Mailbox::from_rname(text).ok().map(|mailbox| mailbox.to_string()),
        };
        let data: Option<Vec<String>> = match row["rdata_as"].as_str() {
            None => side(row["rdata"].as_str()?),
            Some("mailbox") => side(row["rdata"].as_str()?)?.iter().map(mailbox).collect(),
            Some(other) => panic!("no shipped profile has data as {other}"),
        };
        for data in data? {
            if let Ok(rdata) = Rdata::parse(rrtype, &data) {
                owners.iter().for_each(|rrname| self.record(rrname, rrtype, &rdata, fields, found));
            }
        }
        Some(())
    }

    fn record(&self, rrname: &Name, rrtype: RrType, rdata: &Rdata, fields: &Fields, found: &mut Reports) {
        let owner = rrname.reverse_address().filter(|_| rrtype == RrType::PTR);
        let address = if let Rdata::Address(address) = rdata { Some(*address) } else { owner };
        let is_kept = |address: IpAddr| ["global", "documentation"].contains(&scope(address).to_string().as_str());
        if address.is_some_and(|it| !is_kept(it) && !Observable::of_address(it).is_same(self.asked)) {
            return;
        }
        let reversed = rrname.reverse_address().filter(|_| rrtype == RrType::PTR).and_then(found_address);
        let sources: Vec<Observable> = reversed.into_iter().chain(Observable::of_name(rrname)).collect();
        let asked: Vec<Observable> = sources.iter().filter(|source| source.is_same(self.asked)).cloned().collect();
        let sources = if asked.is_empty() { sources } else { asked };
        let targets = targets(rdata);
        let is_about = sources.iter().chain(&targets).any(|side| side.is_same(self.asked));
        if self.profile["record"]["other_names"] != "keep" && !is_about {
            return;
        }
        let record = [("rrname", rrname.to_string()), ("rrtype", rrtype.to_string()), ("rdata", rdata.to_string())];
        let mut is_mapped = false;
        for target in &targets {
            let fits =
                |rule: &&Value| self.fits(rule, rrtype, &sources, target) && self.holds(&rule["when"], fields, &record);
            let rule = self.rules.iter().find(fits).expect("the last rule takes everything");
            let source = sources.iter().find(|source| rule["source"] == source.kind().stix_type());
            if let Some(source) = source.filter(|source| !source.is_same(target)) {
                let time = |key: &str| {
                    let text = fields.get(self.profile["relationship"][key].as_str()?)?.as_ref()?;
                    text[0].parse::<Timestamp>().ok()
                };
                relate(found, source, rule, target, rrtype, (time("start_time"), time("stop_time")));
                is_mapped = true;
            }
        }
        for row in list(&self.profile["also_relate"]).iter().filter(|_| is_mapped) {
            let side = if row["of"] == "rrname" { &sources } else { &targets };
            let kind = ObservableType::parse(row["target"].as_str().expect("a type")).expect("a type");
            let text = fields[row["field"].as_str().expect("a field")].as_ref();
            let other = text.and_then(|text| Observable::parse(kind, &text[0]).ok());
            let source = side.iter().find(|side| row["source"] == side.kind().stix_type());
            if let (Some(source), Some(other)) = (source, other) {
                relate(found, source, row, &other, rrtype, (None, None));
            }
        }
    }

    fn fits(&self, rule: &Value, rrtype: RrType, sources: &[Observable], target: &Observable) -> bool {
        let of_type = list(&rule["rrtype"]).iter().any(|word| {
            let word = word.as_str().expect("a record type");
            word == "*" || RrType::parse(word).is_ok_and(|named| named == rrtype)
        });
        let has = |key: &str, side: &[Observable]| side.iter().any(|found| rule[key] == found.kind().stix_type());
        of_type && (rule.get("drop").is_some() || has("source", sources) && has("target", std::slice::from_ref(target)))
    }

    fn holds(&self, condition: &Value, fields: &Fields, record: &[(&str, String)]) -> bool {
        let Some(condition) = condition.as_str() else { return true };
        let text =
            |value: &Option<Vec<String>>| value.as_ref().map_or_else(|| ().into(), |texts| texts.join(" ").into());
        let mut context: BTreeMap<&str, minijinja::Value> =
            fields.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        context.insert("observable", self.asked.value().into());
        context.extend(record.iter().map(|(name, value)| (*name, value.as_str().into())));
        let mut environment = Environment::new();
        environment.add_test("address", |text: Option<String>| text.is_some_and(|text| parse_address(&text).is_ok()));
        let holds = environment.compile_expression(condition).expect("a condition").eval(context);
        holds.expect("the condition can be evaluated").is_true()
    }
}

/// Returns a value as texts of its type; `None` if it is bad.
fn typed(spec: &Value, value: &Value) -> Option<Vec<String>> {
    let given = value.as_str();
    let text = given.and_then(|text| spec["aliases"].get(text)).and_then(Value::as_str).or(given);
    let integer = || value.as_i64().or_else(|| given?.parse().ok());
    Some(match spec["as"].as_str().expect("a type") {
        "string" => vec![text?.to_owned()],
        "rdata" if value.is_array() => {
            list(value).iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?
        }
        "rdata" => vec![given?.to_owned()],
        "rrtype" => {
            vec![RrType::parse(&text.map(str::to_owned).or(value.as_i64().map(|it| it.to_string()))?).ok()?.to_string()]
        }
        "rrtype-of-address" => vec![if parse_address(text?).ok()?.is_ipv4() { "A" } else { "AAAA" }.to_owned()],
        "dns-name" if spec.get("relative_to").is_some() => vec![text?.to_owned()],
        "dns-name" => vec![Name::parse(text?).ok()?.to_string()],
        "mailbox" if text?.contains('@') => vec![Mailbox::parse(text?).ok()?.to_string()],
        "mailbox" => vec![Mailbox::from_rname(text?).ok()?.to_string()],
        "integer" => vec![integer()?.to_string()],
        "tlp" => vec![Tlp::parse(text?)?.to_string()],
        "timestamp" => {
            let read = |format: &Value| time(format.as_str().expect("a format"), value, integer());
            vec![list(&spec["format"]).iter().find_map(read)?.to_string()]
        }
        other => panic!("no shipped profile has fields of type {other}"),
    })
}

fn time(format: &str, value: &Value, integer: Option<i64>) -> Option<Timestamp> {
    let time = match (format, integer) {
        ("epoch-seconds", Some(seconds)) => Timestamp::from_second(seconds).ok(),
        ("epoch-seconds", None) => Timestamp::from_millisecond((value.as_f64()? * 1000.0).round() as i64).ok(),
        ("epoch-milliseconds", number) => Timestamp::from_millisecond(number?).ok(),
        ("rfc3339", _) => value.as_str()?.parse().ok(),
        (pattern, _) => {
            let text = value.as_str()?;
            let read = civil::DateTime::strptime(pattern, text).ok();
            let read = read.or_else(|| Date::strptime(pattern, text).ok().map(|date| date.at(0, 0, 0, 0)))?;
            // Patterns would accept fewer digits than the provider writes.
            (read.strftime(pattern).to_string() == text).then(|| read.in_tz("UTC").expect("a zone").timestamp())
        }
    };
    time.filter(|time| *time >= Timestamp::UNIX_EPOCH)
}

/// IPv4-mapped addresses identify no host.
fn found_address(address: IpAddr) -> Option<Observable> {
    let is_mapped = address.is_ipv6() && address.to_canonical().is_ipv4();
    (!is_mapped).then(|| Observable::of_address(address))
}

fn targets(rdata: &Rdata) -> Vec<Observable> {
    let parsed = |kind: ObservableType, text: &str| Observable::parse(kind, text).into_iter().collect();
    match rdata {
        Rdata::Address(address) => found_address(*address).into_iter().collect(),
        Rdata::Name(name)
        | Rdata::Mx { exchange: name, .. }
        | Rdata::Srv { target: name, .. }
        | Rdata::Svcb { target: name, .. }
        | Rdata::Naptr { replacement: name, .. } => Observable::of_name(name).into_iter().collect(),
        Rdata::Soa(soa) => {
            let primary = soa.mname.as_ref().and_then(Observable::of_name);
            primary.into_iter().chain(soa.rname.as_ref().and_then(Observable::of_mailbox)).collect()
        }
        Rdata::Rp { mailbox, .. } => Observable::of_mailbox(mailbox).into_iter().collect(),
        Rdata::Text(text) => parsed(ObservableType::Text, text),
        Rdata::Uri { target, .. } => parsed(ObservableType::Url, target),
        Rdata::Mac(_) => parsed(ObservableType::MacAddr, &rdata.to_string()),
        Rdata::Caa { tag, value, .. } if tag.starts_with("issue") && tag != "issuemail" => {
            parsed(ObservableType::DomainName, value.split(';').next().unwrap_or_default())
        }
        Rdata::Caa { .. } | Rdata::Opaque(_) => vec![],
    }
}

/// Joins periods that are near each other, and those without a start.
fn joined(mut periods: Vec<Period>, gap: Option<SignedDuration>) -> Vec<Period> {
    let reach = |period: &Period| {
        let all: Vec<Timestamp> = [&period.0[..], &period.1].concat();
        all.iter().min().copied().zip(all.iter().max().copied())
    };
    let is_near = |one: &Period, other: &Period| match (reach(one), reach(other), gap) {
        (Some((from, to)), Some((other_from, other_to)), Some(gap)) => {
            other_from.duration_since(to) <= gap && from.duration_since(other_to) <= gap
        }
        _ => true,
    };
    join(&mut periods, is_near);
    join(&mut periods, |one, other| one.0.is_empty() && other.0.is_empty());
    periods
}

fn join(periods: &mut Vec<Period>, is_one: impl Fn(&Period, &Period) -> bool) {
    let pairs = |count: usize| (0..count).flat_map(|one| (0..one).map(move |other| (one, other)));
    while let Some((one, other)) = pairs(periods.len()).find(|(one, other)| is_one(&periods[*one], &periods[*other])) {
        let (firsts, lasts) = periods.remove(one);
        periods[other].0.extend(firsts);
        periods[other].1.extend(lasts);
    }
}

fn with_period(ends: &[String; 3], (firsts, lasts): Period) -> ([String; 3], Option<Timestamp>, Option<Timestamp>) {
    let (first, last) = (firsts.into_iter().min(), lasts.into_iter().max());
    // STIX requires a stop after the start.
    let second = SignedDuration::from_secs(1);
    let last = last.map(|last| first.filter(|first| last <= *first).map_or(last, |first| first + second));
    (ends.clone(), first, last)
}

fn relate(
    found: &mut Reports,
    source: &Observable,
    rule: &Value,
    target: &Observable,
    rrtype: RrType,
    seen: (Option<Timestamp>, Option<Timestamp>),
) {
    let relationship_type = rule["relationship"].as_str().expect("a relationship").to_owned();
    let rrtype = if seen == (None, None) { String::new() } else { rrtype.to_string() };
    let periods = found.entry(([source.to_string(), relationship_type, target.to_string()], rrtype)).or_default();
    periods.push((seen.0.into_iter().collect(), seen.1.into_iter().collect()));
}

/// Returns a list, a single value as list, or an empty list for null.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

/// Returns the value at a path.
fn find(value: &Value, path: &str) -> Option<Value> {
    let pointer = path.trim_start_matches('$').replace("['", "/").replace("']", "").replace('[', "/").replace(']', "");
    let is_quoted = path.contains("['");
    let pointer = if is_quoted { pointer } else { pointer.replace('.', "/") };
    value.pointer(&pointer).cloned()
}

/// Returns the text of a value without its type: that of `1`, `1.0` and `"1"` is the same.
fn plain_text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
