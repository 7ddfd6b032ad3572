//! The generated profile and its first case for each choice of framing and paging: rows with the fields of the Common
//! Output Format, on two pages if there is paging.

use super::choices::Choices;
use crate::cli::{Framing, PagingKind};
use crate::scaffold::{FirstCase, Line, Lookup, Scaffold};
use std::fmt::Write;
use stixmap_engine::stix::ObservableType;

/// The fields of a row, in the order of columns.
const FIELDS: [&str; 6] = ["rrname", "rrtype", "rdata", "time_first", "time_last", "count"];

type Row = [&'static str; 6];

pub(super) fn scaffold(name: &str, choices: Choices) -> Scaffold {
    let Choices { base_url, auth, framing, paging, accepts } = choices;
    let case = first_case(framing, paging, accepts[0]);
    Scaffold {
        id: name.to_owned(),
        base_url,
        auth,
        key_parameter: None,
        accepts,
        lookup: Lookup::default(),
        framing,
        columns: (framing == Framing::Delimited).then(|| r#"{ separator: ",", header: true }"#.to_owned()),
        records: (framing == Framing::Json).then(|| Line::new("$.records", "path of the list of rows")),
        paging: paging_line(framing, paging),
        fields: fields(),
        unread: vec![],
        orientation: vec![],
        other_names: None,
        rules: vec![Line::new("use: dns/standard@1", "maps DNS records to relationships that OpenCTI permits")],
        remarks: vec!["Replace the placeholders: the paths below, and the case by a real response.".to_owned()],
        case,
    }
}

fn fields() -> Vec<(String, Line)> {
    let time = "as: timestamp, format: rfc3339, optional: true";
    let field =
        |name: &str, rest: &str, why: &str| (name.to_owned(), Line::new(format!("{{ at: $.{name}, {rest} }}"), why));
    vec![
        field("rrname", "as: dns-name", "owner name"),
        field("rrtype", "as: rrtype", ""),
        field("rdata", "as: rdata", "data in presentation format"),
        field("time_first", time, "or `epoch-seconds`, or a strftime pattern"),
        field("time_last", time, ""),
        field("count", "as: integer, optional: true", ""),
    ]
}

fn paging_line(framing: Framing, paging: PagingKind) -> Line {
    let is_json = framing == Framing::Json;
    match paging {
        PagingKind::None => Line::new("{ kind: none }", "a single page"),
        PagingKind::Page if is_json => Line::new("{ kind: page, parameter: page, more: $.more, at_most: 10 }", ""),
        PagingKind::Page => Line::new("{ kind: page, parameter: page, at_most: 10 }", "until a page is empty"),
        PagingKind::Offset => {
            let total = if is_json { ", total: $.total" } else { "" };
            let limit = "limit: { parameter: limit, value: 100 }";
            Line::new(format!("{{ kind: offset, parameter: offset, {limit}{total}, at_most: 10 }}"), "")
        }
        PagingKind::NextUrl if is_json => Line::new("{ kind: next-url, at: $.next, at_most: 10 }", ""),
        PagingKind::NextUrl => Line::new("{ kind: next-url, at_most: 10 }", "in the `Link` header"),
        PagingKind::Cursor if is_json => {
            Line::new("{ kind: cursor, at: $.cursor, parameter: cursor, at_most: 10 }", "")
        }
        PagingKind::Cursor => Line::new("{ kind: cursor, header: X-Next-Cursor, parameter: cursor, at_most: 10 }", ""),
    }
}

fn first_case(framing: Framing, paging: PagingKind, kind: ObservableType) -> FirstCase {
    let (value, asked, rows) = rows(kind);
    let path = format!("GET /passive-dns/{asked}");
    let pages = pages(framing, paging, &rows);
    let exchanges = pages.into_iter().enumerate().map(|(number, page)| {
        let query = if number == 0 { paging.first_query() } else { paging.next_query(framing) };
        (format!("{path}{query}"), page)
    });
    let exchanges = exchanges.collect();
    FirstCase { about: "Two records".to_owned(), kind, value: value.to_owned(), exchanges, files: vec![] }
}

/// Returns an observable's value, its form in a path, and two rows about it.
fn rows(kind: ObservableType) -> (&'static str, &'static str, [Row; 2]) {
    let row = |name, rrtype, data, count| [name, rrtype, data, "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", count];
    match kind {
        ObservableType::Ipv4Addr => (
            "192.0.2.34",
            "192.0.2.34",
            [row("example.com", "A", "192.0.2.34", "5"), row("www.example.com", "A", "192.0.2.34", "2")],
        ),
        ObservableType::Ipv6Addr => (
            "2001:db8::34",
            "2001%3Adb8%3A%3A34",
            [row("example.com", "AAAA", "2001:db8::34", "5"), row("www.example.com", "AAAA", "2001:db8::34", "2")],
        ),
        _ => (
            "example.com",
            "example.com",
            [row("example.com", "A", "192.0.2.34", "5"), row("example.com", "MX", "10 mail.example.net", "2")],
        ),
    }
}

/// Returns the replies: one, or two if the first announces a next page.
fn pages(framing: Framing, paging: PagingKind, rows: &[Row; 2]) -> Vec<String> {
    let is_told = framing == Framing::Json || !matches!(paging, PagingKind::Page | PagingKind::Offset);
    match paging {
        PagingKind::None => vec![reply(framing, paging, rows, None)],
        _ if is_told || framing == Framing::Saf && paging == PagingKind::Page => {
            vec![reply(framing, paging, &rows[..1], Some(true)), reply(framing, paging, &rows[1..], Some(false))]
        }
        // Only an empty page marks the end.
        PagingKind::Page | PagingKind::Offset if framing != Framing::Saf => {
            vec![reply(framing, paging, rows, None), reply(framing, paging, &[], None)]
        }
        _ => vec![reply(framing, paging, rows, None)],
    }
}

fn reply(framing: Framing, paging: PagingKind, rows: &[Row], has_more: Option<bool>) -> String {
    if framing == Framing::Json {
        let objects: Vec<String> = rows.iter().map(object).collect();
        let beside = has_more.map(|has_more| paging.beside(has_more)).unwrap_or_default();
        return format!("{{ json: {{ {beside}records: [{}] }} }}", objects.join(", "));
    }
    let mut text = String::new();
    if let (Some(true), Some((name, value))) = (has_more, paging.header()) {
        let _ = write!(text, "\n      headers: {{ {name}: '{value}' }}");
    }
    text += "\n      text: |";
    for line in lines(framing, rows, has_more) {
        let _ = write!(text, "\n        {line}");
    }
    if rows.is_empty() && framing == Framing::Ndjson {
        return "{ text: \"\" }".to_owned();
    }
    text
}

fn lines(framing: Framing, rows: &[Row], has_more: Option<bool>) -> Vec<String> {
    match framing {
        Framing::Json => vec![],
        Framing::Ndjson => rows.iter().map(object).collect(),
        Framing::Saf => {
            let last = if has_more == Some(true) { "limited" } else { "succeeded" };
            let rows = rows.iter().map(|row| format!("{{\"obj\": {}}}", object(row)));
            let first = std::iter::once(r#"{"cond": "begin"}"#.to_owned());
            first.chain(rows).chain([format!("{{\"cond\": \"{last}\"}}")]).collect()
        }
        Framing::Delimited => std::iter::once(FIELDS.join(",")).chain(rows.iter().map(|row| row.join(","))).collect(),
    }
}

/// Returns a row as JSON, which is valid YAML.
fn object(row: &Row) -> String {
    let value = |(name, text): (&&str, &&str)| match *name {
        "count" => format!("\"{name}\": {text}"),
        _ => format!("\"{name}\": \"{text}\""),
    };
    format!("{{{}}}", FIELDS.iter().zip(row).map(value).collect::<Vec<_>>().join(", "))
}

impl PagingKind {
    /// Returns the query of the first request.
    fn first_query(self) -> &'static str {
        match self {
            Self::Page => "?page=1",
            Self::Offset => "?offset=0&limit=100",
            Self::None | Self::NextUrl | Self::Cursor => "",
        }
    }

    /// Returns the query of the second request.
    fn next_query(self, framing: Framing) -> &'static str {
        match self {
            Self::None => "",
            Self::Page => "?page=2",
            Self::Offset if framing == Framing::Json => "?offset=1&limit=100",
            Self::Offset => "?offset=2&limit=100",
            Self::NextUrl => "?after=1",
            Self::Cursor => "?cursor=c1",
        }
    }

    /// Returns the JSON members that describe other pages, before the rows.
    fn beside(self, has_more: bool) -> String {
        match (self, has_more) {
            (Self::None, _) => String::new(),
            (Self::Page, has_more) => format!("more: {has_more}, "),
            (Self::Offset, _) => "total: 2, ".to_owned(),
            (Self::NextUrl, true) => r#"next: "?after=1", "#.to_owned(),
            (Self::Cursor, true) => "cursor: c1, ".to_owned(),
            (Self::NextUrl | Self::Cursor, false) => String::new(),
        }
    }

    /// Returns the header that announces the next page of a response without envelope.
    fn header(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::NextUrl => Some(("Link", r#"<?after=1>; rel="next""#)),
            Self::Cursor => Some(("X-Next-Cursor", "c1")),
            Self::None | Self::Page | Self::Offset => None,
        }
    }
}
