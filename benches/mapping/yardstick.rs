//! A mapper written by hand for these responses, with the same output as the engine: typed rows that borrow from the
//! response, deduplication, sorting, and direct serialization. It shows the cost of the profile's generality.

use super::answers::{ADDRESS, NAME, Shape};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimePrinter;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha1::{Digest, Sha1};
use std::borrow::Cow;
use std::net::IpAddr;

/// Parses rows without mapping them: the cost of JSON.
pub(crate) fn parse_only(shape: Shape, answer: &[u8]) -> u64 {
    let mut rows = 0;
    each_row(shape, answer, &mut |_| rows += 1);
    rows
}

/// Size of output chunks, equal to the engine's.
const PIECE: usize = 64 * 1024;

/// Writes the bundle of a response in chunks, and returns the number of rows. With `says_data`, descriptions contain
/// the data.
pub(crate) fn map(shape: Shape, answer: &[u8], says_data: bool, mut sink: impl FnMut(&[u8])) -> u64 {
    let mut found = Found { shape, says_data, nodes: HashMap::default(), links: HashMap::default() };
    let mut rows = 0;
    each_row(shape, answer, &mut |row| {
        rows += 1;
        // Bad rows are dropped.
        let _ = found.note(&row);
    });
    found.into_bundle(&mut sink);
    rows
}

/// A row with its times in seconds.
struct Row<'a> {
    rrname: Cow<'a, str>,
    rrtype: Cow<'a, str>,
    rdata: Cow<'a, str>,
    first: i64,
    last: i64,
}

fn each_row<'a>(shape: Shape, answer: &'a [u8], sink: &mut dyn FnMut(Row<'a>)) {
    match shape {
        Shape::PassiveTotal => {
            let mut deserializer = serde_json::Deserializer::from_slice(answer);
            let document = Document { sink };
            serde::de::DeserializeSeed::deserialize(document, &mut deserializer).expect("the answer is JSON");
        }
        Shape::Saf => {
            for line in lines(answer) {
                let frame: Frame = serde_json::from_slice(line).expect("a line is JSON");
                let Some(object) = frame.obj else { continue };
                let row: SafRow = serde_json::from_str(object.get()).expect("a row");
                for rdata in row.rdata {
                    let (rrname, rrtype) = (row.rrname.clone(), row.rrtype.clone());
                    sink(Row { rrname, rrtype, rdata, first: row.time_first, last: row.time_last });
                }
            }
        }
        Shape::Cof => {
            for line in lines(answer) {
                let CofRow { rrname, rrtype, rdata, time_first, time_last } =
                    serde_json::from_slice(line).expect("a row");
                sink(Row { rrname, rrtype, rdata, first: time_first, last: time_last });
            }
        }
    }
}

fn lines(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    answer.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    obj: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SafRow<'a> {
    #[serde(borrow)]
    rrname: Cow<'a, str>,
    #[serde(borrow)]
    rrtype: Cow<'a, str>,
    #[serde(borrow)]
    rdata: Vec<Cow<'a, str>>,
    time_first: i64,
    time_last: i64,
}

#[derive(Deserialize)]
struct CofRow<'a> {
    #[serde(borrow)]
    rrname: Cow<'a, str>,
    #[serde(borrow)]
    rrtype: Cow<'a, str>,
    #[serde(borrow)]
    rdata: Cow<'a, str>,
    time_first: i64,
    time_last: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PassiveTotalRow<'a> {
    #[serde(borrow)]
    resolve: Cow<'a, str>,
    #[serde(borrow)]
    resolve_type: Cow<'a, str>,
    #[serde(borrow)]
    record_type: Cow<'a, str>,
    #[serde(borrow)]
    first_seen: Cow<'a, str>,
    #[serde(borrow)]
    last_seen: Cow<'a, str>,
}

/// `{"results": […]}`; passes each row to the sink as it is parsed.
struct Document<'s, 'a> {
    sink: &'s mut dyn FnMut(Row<'a>),
}

impl<'a> serde::de::DeserializeSeed<'a> for Document<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Document<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an answer")
    }

    fn visit_map<A: serde::de::MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "results" => map.next_value_seed(Rows { sink: &mut *self.sink })?,
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct Rows<'s, 'a> {
    sink: &'s mut dyn FnMut(Row<'a>),
}

impl<'a> serde::de::DeserializeSeed<'a> for Rows<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Rows<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(row) = list.next_element::<PassiveTotalRow>()? {
            let PassiveTotalRow { resolve, resolve_type, record_type: rrtype, first_seen, last_seen } = row;
            let (first, last) = (seconds(&first_seen), seconds(&last_seen));
            let is_of_address = matches!(&*resolve_type, "domain" | "host") && matches!(&*rrtype, "A" | "AAAA");
            let (rrname, rdata) = if is_of_address { (resolve, NAME.into()) } else { (NAME.into(), resolve) };
            (self.sink)(Row { rrname, rrtype, rdata, first, last });
        }
        Ok(())
    }
}

fn seconds(text: &str) -> i64 {
    let time: DateTime = text.parse().expect("a time");
    time.to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp().as_second()
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum ObservableType {
    DomainName,
    Ipv4Addr,
    Ipv6Addr,
    EmailAddr,
    Text,
}

impl ObservableType {
    fn word(self) -> &'static str {
        match self {
            Self::DomainName => "domain-name",
            Self::Ipv4Addr => "ipv4-addr",
            Self::Ipv6Addr => "ipv6-addr",
            Self::EmailAddr => "email-addr",
            Self::Text => "text",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Node<'a> {
    kind: ObservableType,
    value: Cow<'a, str>,
}

type Uuid = [u8; 16];

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Ends {
    /// Sorts like the name of the relationship type.
    resolves: bool,
    source: (ObservableType, Uuid),
    target: (ObservableType, Uuid),
}

struct Link {
    first: i64,
    last: i64,
    words: Vec<Cow<'static, str>>,
}

struct Found<'a> {
    shape: Shape,
    says_data: bool,
    nodes: HashMap<Node<'a>, Uuid, FixedState>,
    links: HashMap<Ends, Link, FixedState>,
}

impl<'a> Found<'a> {
    /// Maps a row; `None` if it is bad or no rule applies.
    fn note(&mut self, row: &Row<'a>) -> Option<()> {
        if row.first > row.last {
            return None;
        }
        let (rrname, data) = (name(row.rrname.clone())?, row.rdata.clone());
        let is_other = |one: &str, other: &str| self.shape == Shape::Cof && one != ADDRESS && other != ADDRESS;
        match &*row.rrtype {
            "A" | "AAAA" => {
                let target = address(&data)?;
                if (target.kind == ObservableType::Ipv4Addr) != (row.rrtype == "A") || is_other(&target.value, "") {
                    return None;
                }
                let word = if row.rrtype == "A" { "A record" } else { "AAAA record" };
                self.relate(row, true, domain(rrname), target, word);
            }
            "PTR" => {
                let address: Vec<&str> = rrname.strip_suffix(".in-addr.arpa")?.rsplit('.').collect();
                let source = self::address(&address.join("."))?;
                if is_other(&source.value, "") {
                    return None;
                }
                self.relate(row, false, source, domain(name(data)?), "PTR record (the name its holder gives it)");
            }
            _ if self.shape == Shape::Cof => return None,
            "CNAME" => self.relate(row, self.shape == Shape::Saf, domain(rrname), domain(name(data)?), "CNAME record"),
            "NS" => self.relate(row, false, domain(rrname), domain(name(data)?), self.or("NS record", "name server")),
            "MX" => {
                let host = match data.split_once(' ') {
                    Some((preference, host)) => preference.parse::<u16>().ok().map(|_| host.to_owned().into())?,
                    None => data,
                };
                self.relate(row, false, domain(rrname), domain(name(host)?), self.or("MX record", "mail exchange"));
            }
            "SOA" if self.shape == Shape::PassiveTotal => {
                self.relate(row, false, domain(rrname), mailbox(data)?, "SOA record");
            }
            "SOA" => {
                let mut words = data.split(' ');
                let (server, holder) = (words.next()?.to_owned(), words.next()?.replacen('.', "@", 1));
                words.try_for_each(|number| number.parse::<u32>().ok().map(drop))?;
                let server = domain(name(server.into())?);
                self.relate(row, false, domain(rrname.clone()), server, "SOA record (primary name server)");
                self.relate(row, false, domain(rrname), mailbox(holder.into())?, "SOA record (mailbox of the zone)");
            }
            "TXT" if self.shape == Shape::Saf => {
                let target = Node { kind: ObservableType::Text, value: data.trim_matches('"').to_owned().into() };
                self.relate(row, false, domain(rrname), target, "TXT record");
            }
            _ => return None,
        }
        Some(())
    }

    fn or(&self, word: &'static str, besides: &str) -> &'static str {
        match (self.shape, besides) {
            (Shape::Saf, "name server") => "NS record (name server)",
            (Shape::Saf, _) => "MX record (mail exchange)",
            _ => word,
        }
    }

    fn relate(&mut self, row: &Row<'a>, resolves: bool, source: Node<'a>, target: Node<'a>, word: &'static str) {
        let word = match self.says_data {
            true => format!("{} record: {}", row.rrtype, row.rdata).into(),
            false => Cow::Borrowed(word),
        };
        let ends = Ends { resolves, source: self.place(source), target: self.place(target) };
        let link = self.links.entry(ends).or_insert_with(|| Link { first: row.first, last: row.last, words: vec![] });
        link.first = link.first.min(row.first);
        link.last = link.last.max(row.last);
        if !link.words.contains(&word) {
            link.words.push(word);
        }
    }

    fn place(&mut self, node: Node<'a>) -> (ObservableType, Uuid) {
        let kind = node.kind;
        let id = |node: &Node| uuid(&format!(r#"{{"value":{}}}"#, json(&node.value)));
        (kind, *self.nodes.entry(node).or_insert_with_key(id))
    }
}

fn domain(value: Cow<'_, str>) -> Node<'_> {
    Node { kind: ObservableType::DomainName, value }
}

/// Normalizes a domain name: lower case, no trailing dot, labels of 1 to 63 letters, digits, `-` and `_`.
fn name(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_suffix('.').unwrap_or(text)),
        Cow::Owned(text) => Cow::Owned(text.strip_suffix('.').unwrap_or(&text).to_owned()),
    };
    let is_sign = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_sign);
    (text.len() <= 253 && text.split('.').all(is_label) && text.parse::<IpAddr>().is_err()).then_some(text)
}

fn address(text: &str) -> Option<Node<'static>> {
    let address: IpAddr = text.parse().ok()?;
    let kind = if address.is_ipv4() { ObservableType::Ipv4Addr } else { ObservableType::Ipv6Addr };
    Some(Node { kind, value: address.to_string().into() })
}

fn mailbox(text: Cow<'_, str>) -> Option<Node<'_>> {
    let (local, host) = text.split_once('@')?;
    let is_sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_+.".contains(&byte);
    let host = name(host.to_owned().into()).filter(|_| !local.is_empty() && local.bytes().all(is_sign))?;
    Some(Node { kind: ObservableType::EmailAddr, value: format!("{local}@{host}").into() })
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

fn uuid(canonical: &str) -> Uuid {
    const NAMESPACE: Uuid = *b"\x00\xab\xed\xb4\xaa\x42\x46\x6c\x9c\x01\xfe\xd2\x33\x15\xa9\xb7";
    let digest = Sha1::new().chain_update(NAMESPACE).chain_update(canonical).finalize();
    let mut uuid: Uuid = digest[..16].try_into().expect("SHA-1 has 20 bytes");
    uuid[6] = uuid[6] & 0x0f | 0x50;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

fn push_id(out: &mut Vec<u8>, kind: &str, uuid: &Uuid) {
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"--");
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
}

fn push_time(out: &mut Vec<u8>, seconds: i64) {
    let time = Timestamp::from_second(seconds).expect("it was read");
    DateTimePrinter::new().print_timestamp(&time, jiff::fmt::StdIoWrite(out)).expect("writing to memory succeeds");
}

/// The parts of a bundle before its first object, and at the end of each object.
struct Head {
    provider: &'static str,
    class: &'static str,
    marking: &'static str,
    marking_id: &'static str,
}

const CREATED: &str = "2024-03-01T00:00:00.000Z";

fn head(shape: Shape) -> Head {
    match shape {
        Shape::PassiveTotal => Head {
            provider: "RiskIQ PassiveTotal",
            class: "organization",
            marking: r#""definition_type":"tlp","name":"TLP:WHITE","definition":{"tlp":"white"}"#,
            marking_id: "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
        },
        Shape::Saf => Head {
            provider: "DNSDB",
            class: "organization",
            marking: r#""definition_type":"tlp","name":"TLP:AMBER","definition":{"tlp":"amber"}"#,
            marking_id: "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
        },
        Shape::Cof => Head {
            provider: "Passive DNS in Common Output Format",
            class: "system",
            marking: r#""definition_type":"tlp","name":"TLP:GREEN","definition":{"tlp":"green"}"#,
            marking_id: "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
        },
    }
}

impl Found<'_> {
    fn into_bundle(self, sink: &mut impl FnMut(&[u8])) {
        let head = head(self.shape);
        let (name, class) = (head.provider.to_lowercase(), head.class);
        let mut author = vec![];
        push_id(&mut author, "identity", &uuid(&format!(r#"{{"identity_class":"{class}","name":"{name}"}}"#)));
        let author = String::from_utf8(author).expect("ids are text");
        let nodes = sorted(self.nodes);
        let starts_differ = self.shape == Shape::PassiveTotal;
        let mut links: Vec<_> = self
            .links
            .into_iter()
            .map(|(ends, link)| (ends.resolves, link_id(&ends, &link, starts_differ), ends, link))
            .collect();
        links.sort_unstable_by_key(|(resolves, id, _, _)| (*resolves, *id));

        let mut ids = vec![];
        ids.extend_from_slice(format!("{},{author}", head.marking_id).as_bytes());
        for (node, id) in &nodes {
            ids.push(b',');
            push_id(&mut ids, node.kind.word(), id);
        }
        for (_, id, _, _) in &links {
            ids.push(b',');
            push_id(&mut ids, "relationship", id);
        }
        let id = uuid(std::str::from_utf8(&ids).expect("ids are text"));
        drop(ids);

        let out = &mut Vec::with_capacity(2 * PIECE);
        out.extend_from_slice(br#"{"type":"bundle","id":""#);
        push_id(out, "bundle", &id);
        let Head { provider, marking, marking_id, .. } = head;
        let first = format!(
            r#"","objects":[{{"type":"marking-definition","spec_version":"2.1","id":"{marking_id}","created":"2017-01-20T00:00:00.000Z",{marking}}},{{"type":"identity","spec_version":"2.1","id":"{author}","created":"{CREATED}","modified":"{CREATED}","name":"{provider}","identity_class":"{class}"}}"#
        );
        out.extend_from_slice(first.as_bytes());
        let asked = self.shape.asked();
        let tail = format!(r#","object_marking_refs":["{marking_id}"],"x_opencti_created_by_ref":"{author}"}}"#);
        for (node, id) in &nodes {
            push_node(out, node, id);
            out.extend_from_slice(if node.value == asked { b"}" } else { tail.as_bytes() });
            hand_on(PIECE, out, sink);
        }
        let tail = format!(r#","object_marking_refs":["{marking_id}"]}}"#);
        let times = format!(
            r#"","created":"{CREATED}","modified":"{CREATED}","created_by_ref":"{author}","relationship_type":""#
        );
        for (_, id, ends, link) in links {
            push_link(out, &id, &ends, link, &times);
            out.extend_from_slice(tail.as_bytes());
            hand_on(PIECE, out, sink);
        }
        out.extend_from_slice(b"]}");
        hand_on(0, out, sink);
    }
}

/// Passes the output to the sink if there is at least this much.
fn hand_on(least: usize, out: &mut Vec<u8>, sink: &mut impl FnMut(&[u8])) {
    if out.len() >= least {
        sink(out);
        out.clear();
    }
}

fn sorted<'a>(nodes: HashMap<Node<'a>, Uuid, FixedState>) -> Vec<(Node<'a>, Uuid)> {
    let mut nodes: Vec<_> = nodes.into_iter().collect();
    nodes.sort_unstable();
    nodes
}

fn verb(resolves: bool) -> &'static str {
    if resolves { "resolves-to" } else { "related-to" }
}

fn link_id(ends: &Ends, link: &Link, has_start: bool) -> Uuid {
    let mut text = Vec::with_capacity(240);
    text.extend_from_slice(format!(r#"{{"relationship_type":"{}","source_ref":""#, verb(ends.resolves)).as_bytes());
    push_id(&mut text, ends.source.0.word(), &ends.source.1);
    if has_start {
        text.extend_from_slice(br#"","start_time":""#);
        push_time(&mut text, link.first);
        text.pop();
    }
    text.extend_from_slice(br#"","target_ref":""#);
    push_id(&mut text, ends.target.0.word(), &ends.target.1);
    text.extend_from_slice(br#""}"#);
    uuid(std::str::from_utf8(&text).expect("ids are text"))
}

fn push_node(out: &mut Vec<u8>, node: &Node, id: &Uuid) {
    let word = node.kind.word();
    out.extend_from_slice(br#",{"type":""#);
    out.extend_from_slice(word.as_bytes());
    out.extend_from_slice(br#"","spec_version":"2.1","id":""#);
    push_id(out, word, id);
    out.extend_from_slice(br#"","value":"#);
    serde_json::to_writer(&mut *out, &node.value).expect("writing to memory succeeds");
}

fn push_link(out: &mut Vec<u8>, id: &Uuid, ends: &Ends, mut link: Link, times: &str) {
    out.extend_from_slice(br#",{"type":"relationship","spec_version":"2.1","id":""#);
    push_id(out, "relationship", id);
    out.extend_from_slice(times.as_bytes());
    out.extend_from_slice(verb(ends.resolves).as_bytes());
    link.words.sort_unstable();
    out.extend_from_slice(br#"","description":"#);
    serde_json::to_writer(&mut *out, &link.words.join(", ")).expect("writing to memory succeeds");
    out.extend_from_slice(br#","source_ref":""#);
    push_id(out, ends.source.0.word(), &ends.source.1);
    out.extend_from_slice(br#"","target_ref":""#);
    push_id(out, ends.target.0.word(), &ends.target.1);
    out.extend_from_slice(br#"","start_time":""#);
    push_time(out, link.first);
    out.extend_from_slice(br#"","stop_time":""#);
    push_time(out, link.last.max(link.first + 1));
    out.push(b'"');
}
