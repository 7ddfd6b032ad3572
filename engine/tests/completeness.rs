//! No record is lost silently: for every combination of framing, levels, paging, method and job, all pages are read, or
//! the outcome is not `ok`, or validation rejects the combination.

use crate::simulation::{input, response, run_with, unset};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::Arc;
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::{Input, OutcomeKind, Report, Request, Response};
use url::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Json,
    Ndjson,
    Saf,
    Delimited,
}

/// Position of the rows in a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Root,
    List,
    Deep,
    Nested,
    Keys,
    SomeKeys,
}

/// How the next page is determined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paging {
    None,
    Page,
    Offset,
    NextUrl,
    Cursor,
    Window,
}

/// Which records a provider returns for a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    LastSeen,
    FirstSeen,
    /// Seen at any time within the period.
    Overlap,
    /// Seen only within the period: a record that spans two parts is in neither.
    Within,
}

/// Behavior of a provider whose window is split into parts.
#[derive(Debug, Clone)]
struct Archive {
    filter: Filter,
    /// Format of the start and end.
    format: &'static str,
    /// Whether the start and end are inclusive.
    is_closed: bool,
    /// Whether a date as the end means the end of that day.
    means_days: bool,
    /// Order of records: newest first, oldest first, or neither.
    order: u8,
    /// Distance between records and duration of each, in minutes.
    spread: i64,
    span: i64,
    open_end: bool,
    in_form: bool,
    /// Whether the profile states its cap.
    states_cap: bool,
    /// The stated cap; the real one may be larger.
    cap: usize,
    /// Whether an empty result has status 404.
    has_404: bool,
    at_most: u32,
}

impl Archive {
    /// Maximum number of rows in a response.
    const CAP: usize = 3;

    /// Whether parts can be divided and requested sufficiently often.
    fn is_readable(&self) -> bool {
        let is_exact = matches!(self.format, "%Y-%m-%d %H:%M:%S" | "epoch-seconds" | "seconds-back");
        is_exact && self.filter != Filter::Within && self.span < 300 && self.spread > 100 && self.at_most == 300
    }

    /// Returns the first and last time of a record in seconds; record 0 is the newest.
    fn seen(&self, number: usize) -> (i64, i64) {
        let last = NOW - 300 - i64::try_from(number).expect("few") * self.spread * 60;
        (last - self.span * 60, last)
    }

    fn holds(&self, number: usize, start: i64, end: Option<i64>) -> bool {
        let (first, last) = self.seen(number);
        let (from, to) = match self.filter {
            Filter::LastSeen => (last, last),
            Filter::FirstSeen => (first, first),
            Filter::Overlap => (last, first),
            Filter::Within => (first, last),
        };
        let is_after = if self.is_closed { from >= start } else { from > start };
        is_after && end.is_none_or(|end| if self.is_closed { to <= end } else { to < end })
    }

    /// Parses a start or end parameter.
    fn time(&self, text: &str, is_end: bool) -> i64 {
        let number = || text.parse::<i64>().expect("a number");
        match self.format {
            "epoch-seconds" => number(),
            "seconds-back" => NOW - number(),
            "days-back" => NOW - number() * 86_400,
            format => {
                let civil = jiff::civil::DateTime::strptime(format, text)
                    .or_else(|_| jiff::civil::Date::strptime(format, text).map(|date| date.at(0, 0, 0, 0)));
                let time = civil.expect("a time").to_zoned(jiff::tz::TimeZone::UTC).expect("in range").timestamp();
                let is_day = is_end && self.means_days && format == "%Y-%m-%d";
                time.as_second() + if is_day { 86_399 } else { 0 }
            }
        }
    }
}

/// 2024-03-01, in the middle of a day.
const NOW: i64 = 1_709_294_723;

fn archive() -> impl Strategy<Value = Archive> {
    let formats = vec!["%Y-%m-%d %H:%M:%S", "epoch-seconds", "seconds-back", "%Y-%m-%d %H:%M", "%Y-%m-%d", "days-back"];
    let filter = select(vec![Filter::LastSeen, Filter::FirstSeen, Filter::Overlap, Filter::Within]);
    let times = (select(vec![1_i64, 103, 1447, 2400]), select(vec![0_i64, 59, 30_000]), 0..3_u8);
    let at_most = select(vec![2_u32, 5, 300, 300]);
    (filter, select(formats), times, any::<[bool; 6]>(), at_most, 2..=Archive::CAP).prop_map(
        |(filter, format, (spread, span, order), flags, at_most, cap)| {
            let [is_closed, means_days, open_end, in_form, states_cap, has_404] = flags;
            let open_end = open_end && !in_form;
            Archive {
                filter,
                format,
                is_closed,
                means_days,
                order,
                spread,
                span,
                open_end,
                in_form,
                states_cap,
                cap,
                has_404,
                at_most,
            }
        },
    )
}

/// Position of an indicator in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Absent,
    Body,
    Header,
    /// In the last row.
    Row,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    None,
    Result,
    Poll,
    PollUrl,
}

/// Notation of indicators in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    Plain,
    AsText,
    AsFloat,
    /// Absent instead of negative.
    Sparse,
    /// Null instead of negative.
    Null,
    /// Wrapped in an object.
    Wrapped,
    /// Wrapped in a list.
    Listed,
    /// A negative number instead of a count.
    Negative,
}

impl Notation {
    /// Whether the notation can be interpreted.
    fn is_readable(self) -> bool {
        !matches!(self, Self::Wrapped | Self::Listed)
    }
}

#[derive(Debug, Clone)]
struct World {
    framing: Framing,
    rows: Rows,
    paging: Paging,
    total: Position,
    last: Position,
    more: Position,
    next: Position,
    truncated: Position,
    in_body: bool,
    in_header: bool,
    posts: bool,
    job: Job,
    first: u64,
    limit: bool,
    not_first: bool,
    notation: Notation,
    /// Number of rows on each page.
    pages: Vec<usize>,
    /// Whether every page ends with `succeeded`.
    streams_end: bool,
    archive: Archive,
}

fn position() -> impl Strategy<Value = Position> {
    select(vec![Position::Absent, Position::Absent, Position::Body, Position::Header])
}

fn world() -> impl Strategy<Value = World> {
    use Notation::{AsFloat, AsText, Listed, Negative, Null, Plain, Sparse, Wrapped};
    let shape = (
        select(vec![Framing::Json, Framing::Json, Framing::Json, Framing::Ndjson, Framing::Saf, Framing::Delimited]),
        select(vec![Rows::Root, Rows::List, Rows::Deep, Rows::Nested, Rows::Keys, Rows::SomeKeys]),
        select(vec![
            Paging::None,
            Paging::Page,
            Paging::Offset,
            Paging::NextUrl,
            Paging::Cursor,
            Paging::Window,
            Paging::Window,
        ]),
        (position(), position(), position(), select(vec![Position::Body, Position::Header, Position::Row]), position()),
        select(vec![Job::None, Job::None, Job::Result, Job::Poll, Job::PollUrl]),
    );
    let flags = any::<[bool; 6]>();
    let notation = select(vec![Plain, Plain, AsText, AsFloat, Sparse, Null, Wrapped, Listed, Negative]);
    // Only the last page may be empty: an empty page marks the end if nothing else does.
    (shape, flags, notation, 0..2_u64, proptest::collection::vec(1..5_usize, 1..5), archive()).prop_map(
        |(
            (framing, rows, paging, (total, last, more, next, truncated), job),
            flags,
            notation,
            first,
            pages,
            archive,
        )| {
            let [in_body, in_header, posts, limit, not_first, streams_end] = flags;
            let mut world = World {
                framing,
                rows,
                paging,
                total,
                last,
                more,
                next,
                truncated,
                in_body: in_body && posts,
                in_header,
                posts,
                job,
                first,
                limit,
                not_first,
                notation,
                pages,
                streams_end,
                archive,
            };
            world.normalize();
            world
        },
    )
}

impl World {
    /// Removes indicators that the paging method does not support; limits to one page if nothing indicates more.
    fn normalize(&mut self) {
        let is_counted = matches!(self.paging, Paging::Page | Paging::Offset);
        let is_lines = self.framing != Framing::Json;
        if is_lines {
            self.rows = Rows::Root;
        }
        // Flags are not read from headers.
        if self.more != Position::Body || !is_counted {
            self.more = Position::Absent;
        }
        if self.paging != Paging::Page {
            self.last = Position::Absent;
        }
        if !is_counted && !matches!(self.paging, Paging::None | Paging::Window) {
            self.total = Position::Absent;
        }
        if self.next == Position::Row
            && (is_lines || !matches!(self.rows, Rows::List | Rows::Deep) || self.paging != Paging::Cursor)
        {
            self.next = Position::Header;
        }
        let indicates_more =
            self.total != Position::Absent || self.truncated != Position::Absent || self.framing == Framing::Saf;
        if self.paging == Paging::None
            && !(indicates_more && self.notation.is_readable() && self.notation != Notation::Negative)
        {
            self.pages.truncate(1);
        }
        if self.paging == Paging::Window {
            self.archive.in_form &= self.posts;
            self.archive.states_cap |=
                !(indicates_more && self.notation.is_readable() && self.notation != Notation::Negative);
        }
        if self.rows == Rows::Root && self.framing == Framing::Json {
            // A list as the root has no envelope.
            for position in [&mut self.total, &mut self.last, &mut self.more, &mut self.next, &mut self.truncated] {
                if *position == Position::Body {
                    *position = Position::Header;
                }
            }
            self.more = Position::Absent;
        }
    }

    fn records(&self) -> usize {
        self.pages.iter().sum()
    }

    /// Whether missing records are undetectable: a record that spans two parts is in neither, and the provider states
    /// no total.
    fn is_undetectable(&self) -> bool {
        let counts = self.total != Position::Absent
            && self.notation.is_readable()
            && self.notation != Notation::Negative
            && self.rows != Rows::Nested;
        self.paging == Paging::Window && self.archive.filter == Filter::Within && !counts
    }

    /// Whether validation must reject it: an indicator in the body of lines, or a parameter in an absent body.
    fn is_invalid(&self) -> bool {
        let positions = [self.total, self.last, self.more, self.next_position(), self.truncated];
        let in_lines = self.framing != Framing::Json && positions.contains(&Position::Body);
        let is_job = self.paging == Paging::Window && self.job != Job::None;
        let is_distance = self.paging == Paging::Window
            && (self.in_body || !self.archive.open_end)
            && self.archive.format.ends_with("-back");
        in_lines || is_job || is_distance || self.sends_in_body() && self.job != Job::None
    }

    fn next_position(&self) -> Position {
        if matches!(self.paging, Paging::NextUrl | Paging::Cursor) { self.next } else { Position::Absent }
    }

    fn sends_in_body(&self) -> bool {
        let is_sent =
            matches!(self.paging, Paging::Page | Paging::Offset) || self.paging == Paging::Cursor && !self.in_header;
        self.in_body && is_sent
    }

    fn profile(&self) -> String {
        let mut lookup = String::from("    accepts: [domain-name]\n    path: \"/names/{observable.value}\"\n");
        let Archive { format, in_form, .. } = self.archive;
        let by_part = self.paging == Paging::Window;
        if by_part && in_form {
            let _ = writeln!(
                lookup,
                "    method: POST\n    form: {{ name: \"{{observable.value}}\", since: \"{{window.start:{format}}}\", until: {{ from: window.end, format: \"{format}\" }} }}"
            );
        } else if by_part && self.in_body {
            let _ = writeln!(
                lookup,
                "    method: POST\n    body: {{ name: \"{{observable.value}}\", since: \"{{window.start:{format}}}\", until: \"{{window.end:{format}}}\" }}"
            );
        } else if self.posts {
            lookup += "    method: POST\n    body: { name: \"{observable.value}\" }\n";
        }
        if by_part && !in_form && !self.in_body {
            let _ = writeln!(
                lookup,
                "    query: {{ since: {{ from: window.start, format: \"{format}\" }}, until: {{ from: window.end, format: \"{format}\" }} }}"
            );
        }
        lookup += match (self.framing, self.rows) {
            (Framing::Ndjson, _) => "    framing: ndjson\n",
            (Framing::Saf, _) => "    framing: saf\n",
            (Framing::Delimited, _) => "    framing: delimited\n    columns: { separator: \",\", header: true }\n",
            (_, Rows::Root) => "    records: $\n",
            (_, Rows::List) => "    records: $.rows\n",
            (_, Rows::Deep) => "    records: $.result.rows\n",
            (_, Rows::Nested) => "    records: [{ at: $.groups }, { at: $.rows }]\n",
            (_, Rows::Keys) => "    records: [{ at: $.types, is: map }, { at: $ }]\n",
            (_, Rows::SomeKeys) => "    records: [{ at: $.types, is: map, keys: [a] }, { at: $ }]\n",
        };
        let _ = writeln!(lookup, "    paging: {{ {} }}", self.paging_text().join(", "));
        match self.truncated {
            Position::Body => lookup += "    truncated_when: { at: $.says.cut }\n",
            Position::Header => lookup += "    truncated_when: { header: X-Cut }\n",
            _ => {}
        }
        lookup += match self.job {
            Job::None => "",
            Job::Result => {
                "    job: { id: $.job, poll: \"/jobs/{job}\", state: $.state, pending: [busy], done: [done], result: \"/jobs/{job}/result\", every: PT1S, at_most: 9 }\n"
            }
            Job::Poll => {
                "    job: { id: $.job, poll: \"/jobs/{job}\", pending_status: 202, every: PT1S, at_most: 9 }\n"
            }
            Job::PollUrl => "    job: { header: Location, pending_status: 202, every: PT1S, at_most: 9 }\n",
        };
        let (window, times) = match by_part {
            true => (
                "answers:\n  - { status: 404, means: empty }\nwindow: { last: P30D }\n",
                "    time_first: { at: $.first, as: timestamp, format: epoch-seconds }\n    time_last: { at: $.last, as: timestamp, format: epoch-seconds }\n",
            ),
            false => ("", ""),
        };
        format!(
            "profile: stixmap/v1\nid: example\nversion: 1.0.0\nname: Example\nsummary: An example.\nhttp: {{ base_url: \"https://api.example.net\" }}\n{window}lookups:\n  names:\n{lookup}record:\n  fields:\n    rrname: {{ at: $.name, as: string }}\n    rrtype: {{ at: $.type, as: rrtype }}\n    rdata: {{ at: $.data, as: string }}\n{times}rules:\n  - {{ rrtype: A, source: domain-name, relationship: resolves-to, target: ipv4-addr }}\n  - {{ rrtype: \"*\", drop: of no interest }}\ntlp: {{ max: \"TLP:GREEN\", unmarked: allow, results: {{ at_least: \"TLP:GREEN\" }} }}\nidentity: {{ name: Example }}\n"
        )
    }

    fn paging_text(&self) -> Vec<String> {
        let parameter = if self.in_body { "$.from" } else { "from" };
        let mut text = vec![];
        let figure = |name: &str, position: Position| match position {
            Position::Body | Position::Row => vec![format!("{name}: $.says.{name}")],
            Position::Header => vec![format!("{name}_header: X-{name}")],
            Position::Absent => vec![],
        };
        match self.paging {
            Paging::None => text.push("kind: none".to_owned()),
            Paging::Page => {
                text.push(format!("kind: page, parameter: {parameter}, first: {}, at_most: 20", self.first))
            }
            Paging::Offset => {
                text.push(format!("kind: offset, parameter: {parameter}, not_first: {}, at_most: 20", self.not_first));
                text.extend(self.limit.then(|| "limit: { parameter: limit, value: 5 }".to_owned()));
            }
            Paging::NextUrl => {
                text.push("kind: next-url, at_most: 20".to_owned());
                text.extend((self.next == Position::Body).then(|| "at: $.says.next".to_owned()));
            }
            Paging::Cursor => {
                let to = if self.in_header {
                    "request_header: X-From".to_owned()
                } else {
                    format!("parameter: {parameter}")
                };
                let at = match (self.next, self.rows) {
                    (Position::Row, Rows::Deep) => "at: \"$.result.rows[-1].cursor\"",
                    (Position::Row, _) => "at: \"$.rows[-1].cursor\"",
                    (Position::Body, _) => "at: $.says.next",
                    _ => "header: X-Next",
                };
                text.push(format!("kind: cursor, {at}, {to}, at_most: 20"));
            }
            Paging::Window => {
                let Archive { at_most, states_cap, cap, open_end, .. } = self.archive;
                text.push(format!("kind: window, at_most: {at_most}"));
                text.extend(states_cap.then(|| format!("cap: {cap}")));
                text.extend((open_end && !self.in_body).then(|| "open_end: true".to_owned()));
            }
        }
        text.extend(figure("total", self.total));
        text.extend(figure("last", self.last));
        text.extend((self.more == Position::Body).then(|| "more: $.says.more".to_owned()));
        text
    }
}

/// A simulated provider, which determines the page from the request alone.
struct Provider<'w> {
    world: &'w World,
    polls: u32,
    /// Number of records in the window of the first request.
    available: Option<usize>,
}

impl Provider<'_> {
    fn answer(&mut self, request: &Request) -> Response {
        let url = Url::parse(request.url.expose()).expect("a URL");
        let path = url.path();
        let starts_job = path.starts_with("/names/") && self.world.job != Job::None;
        assert_eq!(
            request.method,
            if self.world.posts && path.starts_with("/names/") || self.posts_on(path) { "POST" } else { "GET" }
        );
        if starts_job {
            let headers = vec![("Location".to_owned(), "/jobs/7".to_owned())];
            return Response { status: 200, headers, body: br#"{"job":7}"#.to_vec(), cut: None };
        }
        if path == "/jobs/7" {
            self.polls += 1;
            match (self.world.job, self.polls) {
                (Job::Result, 1) => return response(200, &[], r#"{"state":"busy"}"#),
                (Job::Result, _) => return response(200, &[], r#"{"state":"done"}"#),
                (_, 1) => return response(202, &[], ""),
                _ => {}
            }
        }
        match self.world.paging {
            Paging::Window => self.part(request, &url),
            _ => self.page(self.requested_page(request, &url)),
        }
    }

    /// Responds to a request for a part of the window, up to the cap.
    fn part(&mut self, request: &Request, url: &Url) -> Response {
        let (world, archive) = (self.world, &self.world.archive);
        let body = request.body.as_ref().map(|body| body.expose().to_owned()).unwrap_or_default();
        let in_json = |name: &str| {
            let json: Value = serde_json::from_str(&body).ok()?;
            json[name].as_str().map(str::to_owned).or_else(|| json[name].as_i64().map(|number| number.to_string()))
        };
        let sent = |name: &str| {
            let form = url::form_urlencoded::parse(body.as_bytes()).into_owned();
            let mut all = url.query_pairs().into_owned().chain(form);
            all.find(|(known, _)| known == name).map(|(_, value)| value).or_else(|| in_json(name))
        };
        let start = archive.time(&sent("since").expect("the start"), false);
        let end = sent("until").map(|text| archive.time(&text, true));
        let mut found: Vec<usize> = (0..world.records()).filter(|number| archive.holds(*number, start, end)).collect();
        match archive.order {
            0 => {}
            1 => found.reverse(),
            _ => found.sort_by_key(|number| number * 7 % 17),
        }
        self.available.get_or_insert(found.len());
        if found.is_empty() && archive.has_404 {
            return response(404, &[], "");
        }
        let all = found.len();
        found.truncate(Archive::CAP);
        let row = |number: &usize| {
            let (first, last) = archive.seen(*number);
            json!({ "name": "example.com", "type": "A", "data": format!("192.0.2.{}", number + 1), "first": first, "last": last })
        };
        let rows: Vec<Value> = found.iter().map(row).collect();
        let is_whole = all == rows.len();
        let (mut indicators, mut headers) = (Map::new(), vec![]);
        for (name, position, value) in
            [("total", world.total, Value::from(all)), ("cut", world.truncated, Value::from(!is_whole))]
        {
            if name == "cut" && is_whole && world.notation == Notation::AsText {
                continue;
            }
            match position {
                Position::Body => {
                    indicators.extend(self.notated(&value, !is_whole).map(|value| (name.to_owned(), value)))
                }
                Position::Header if !is_whole || !value.is_boolean() => {
                    headers.push((format!("x-{name}"), value.to_string()));
                }
                _ => {}
            }
        }
        let body = self.body(&rows, &Value::Object(indicators), is_whole).into_bytes();
        Response { status: 200, headers, body, cut: None }
    }

    /// Later pages of a lookup without a job have the method of the first.
    fn posts_on(&self, path: &str) -> bool {
        path == "/more" && self.world.posts && self.world.job == Job::None
    }

    /// Returns the index of the requested page.
    fn requested_page(&self, request: &Request, url: &Url) -> usize {
        let world = self.world;
        let in_query = url.query_pairs().find(|(name, _)| name == "from").map(|(_, value)| value.into_owned());
        let body: Option<Value> = request.body.as_ref().map(|body| serde_json::from_str(body.expose()).expect("JSON"));
        let in_body = body.and_then(|body| match &body["from"] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            number => Some(number.to_string()),
        });
        let in_header =
            request.headers.iter().find(|(name, _)| name == "X-From").map(|(_, value)| value.expose().to_owned());
        let Some(from) = in_query.or(in_body).or(in_header) else { return 0 };
        let number: usize = from.trim_start_matches("c,;").parse().expect("a number");
        match world.paging {
            Paging::Page => number - world.first as usize,
            Paging::Offset => {
                let starts: Vec<usize> = (0..=world.pages.len()).map(|page| world.pages[..page].iter().sum()).collect();
                starts.iter().position(|start| *start == number).unwrap_or(world.pages.len())
            }
            _ => number,
        }
    }

    fn page(&self, page: usize) -> Response {
        let world = self.world;
        let before: usize = world.pages.iter().take(page).sum();
        let count = world.pages.get(page).copied().unwrap_or_default();
        let is_last = page + 1 >= world.pages.len();
        let cursor = format!("c,;{}", page + 1);
        let row = |number: usize| {
            let mut row = json!({ "name": "example.com", "type": "A", "data": format!("192.0.2.{}", number + 1) });
            // The cursor is in the last row; on the last page it is empty.
            if world.next == Position::Row && !is_last {
                row["cursor"] = Value::from(if number + 1 == before + count { cursor.as_str() } else { "" });
            }
            row
        };
        let rows: Vec<Value> = (before..before + count).map(row).collect();
        let (mut indicators, mut headers) = (Map::new(), vec![]);
        let mut indicate = |name: &str, position: Position, value: Value, has_more: bool| match position {
            Position::Body => indicators.extend(self.notated(&value, has_more).map(|value| (name.to_owned(), value))),
            Position::Header if has_more || !value.is_boolean() => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                headers.push((format!("x-{name}"), text));
            }
            _ => {}
        };
        indicate("total", world.total, world.records().into(), !is_last);
        indicate("last", world.last, (world.pages.len() as u64 + world.first - 1).into(), !is_last);
        indicate("more", world.more, (!is_last).into(), !is_last);
        let is_cut = world.paging == Paging::None && !is_last;
        // Any text is truthy, so that a textual signal is present only if it applies.
        if is_cut || world.notation != Notation::AsText {
            indicate("cut", world.truncated, is_cut.into(), is_cut);
        }
        let next = if world.paging == Paging::NextUrl {
            format!("/more?types=A,AAAA;x&from={}", page + 1)
        } else {
            cursor.clone()
        };
        match (world.paging, world.next) {
            (Paging::NextUrl, Position::Body) | (Paging::Cursor, Position::Body) if !is_last => {
                indicators.extend(self.notated(&next.into(), true).map(|value| ("next".to_owned(), value)));
            }
            (Paging::NextUrl | Paging::Cursor, Position::Body) if world.notation != Notation::Sparse => {
                indicators
                    .insert("next".to_owned(), if world.notation == Notation::Plain { "".into() } else { Value::Null });
            }
            (Paging::NextUrl, _) if !is_last => {
                headers.push(("link".to_owned(), "</first>; rel=\"first\"".to_owned()));
                headers.push((
                    "link".to_owned(),
                    format!("</x,y>; title=\"a, <b>\"; rel=prev, <{next}>; rel = \"last next\""),
                ));
            }
            (Paging::Cursor, Position::Header) if !is_last => headers.push(("x-next".to_owned(), next)),
            _ => {}
        }
        Response {
            status: 200,
            headers,
            body: self.body(&rows, &Value::Object(indicators), is_last).into_bytes(),
            cut: None,
        }
    }

    fn notated(&self, value: &Value, has_more: bool) -> Option<Value> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(match self.world.notation {
            Notation::Plain => value.clone(),
            Notation::AsText => text.into(),
            Notation::AsFloat => value.as_u64().map_or_else(|| value.clone(), |number| json!(number as f64)),
            Notation::Sparse if !has_more => return None,
            Notation::Null if !has_more => Value::Null,
            Notation::Sparse | Notation::Null => value.clone(),
            Notation::Wrapped => json!({ "value": value }),
            Notation::Listed => json!([value]),
            Notation::Negative if value.is_u64() => json!(-1),
            Notation::Negative => value.clone(),
        })
    }

    fn body(&self, rows: &[Value], indicators: &Value, is_last: bool) -> String {
        let world = self.world;
        let halves = rows.split_at(rows.len() / 2);
        match (world.framing, world.rows) {
            (Framing::Ndjson, _) => rows.iter().map(|row| format!("{row}\n")).collect(),
            (Framing::Saf, _) => {
                let lines: String =
                    rows.iter().map(|row| format!("{}\n", json!({ "cond": "ongoing", "obj": row }))).collect();
                // With another paging method, the stream's end may refer to the page only.
                let has_indicator = world.total != Position::Absent
                    || world.last != Position::Absent
                    || world.next_position() != Position::Absent;
                let end = if is_last || world.streams_end && has_indicator { "succeeded" } else { "limited" };
                format!("{}\n{lines}{}\n", json!({ "cond": "begin" }), json!({ "cond": end }))
            }
            (Framing::Delimited, _) => {
                let line = |row: &Value| {
                    format!(
                        "\"{}\",{},{},{},{}\r\n",
                        row["name"].as_str().expect("text"),
                        row["type"].as_str().expect("text"),
                        row["data"].as_str().expect("text"),
                        row["first"],
                        row["last"]
                    )
                };
                format!("name,type,data,first,last\r\n{}", rows.iter().map(line).collect::<String>())
            }
            (_, Rows::Root) => Value::from(rows).to_string(),
            (_, Rows::List) => json!({ "says": indicators, "rows": rows }).to_string(),
            (_, Rows::Deep) => json!({ "result": { "rows": rows }, "says": indicators }).to_string(),
            // The outermost level is counted: one row per group.
            (_, Rows::Nested) => {
                json!({ "groups": rows.iter().map(|row| json!({ "rows": [row] })).collect::<Vec<_>>(), "says": indicators })
                    .to_string()
            }
            (_, Rows::Keys | Rows::SomeKeys) => {
                json!({ "says": indicators, "types": { "a": halves.0, "b": halves.1 } }).to_string()
            }
        }
    }
}

/// Performs a run; returns the report and the provider's number of records.
fn run(plan: &Plan, world: &World) -> (Report, usize) {
    let start = Timestamp::from_second(NOW).expect("a time");
    let input = Input { deadline: start + SignedDuration::from_hours(1), ..input(plan, unset) };
    let mut provider = Provider { world, polls: 0, available: None };
    let report = run_with(plan, Arc::default(), input, start, |request| provider.answer(request));
    (report, provider.available.unwrap_or(world.records()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn results_are_complete_or_the_outcome_is_not_ok(world in world()) {
        let text = world.profile();
        let (plan, diagnostics) = Plan::check(&Source::new("profile.yaml", text.clone()));
        let codes: Vec<&str> = diagnostics.iter().map(|found| found.code.slug()).collect();
        prop_assert_eq!(plan.is_none(), world.is_invalid(), "{:?}\n{}", codes, text);
        let Some(plan) = plan else {
            prop_assert!(codes.iter().all(|code| ["place-in-lines", "body-parameter", "window-parts"].contains(code)), "{:?}\n{}", codes, text);
            return Ok(());
        };
        let (report, available) = run(&plan, &world);
        prop_assert!(report.counts.read <= available as u64, "{} of {}\n{}", report.counts.read, available, text);
        let is_whole = report.counts.read == available as u64;
        let is_ok = matches!(report.outcome.kind, OutcomeKind::Ok | OutcomeKind::Empty);
        prop_assert!(is_whole || !is_ok || world.is_undetectable(), "{} of {}\n{}\n{}", report.counts.read, available, report.outcome, text);
        if world.paging == Paging::Window {
            prop_assert!(report.requests <= u64::from(world.archive.at_most), "{} requests\n{}", report.requests, text);
        }
        // Well-formed indicators must lead to complete results, not only to an incomplete outcome.
        let is_readable = world.paging != Paging::Window || world.archive.is_readable();
        if world.notation.is_readable() && world.paging != Paging::None && is_readable {
            prop_assert!(is_whole && is_ok, "{} of {}\n{}\n{}", report.counts.read, available, report.outcome, text);
        }
    }
}
