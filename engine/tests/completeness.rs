//! Nothing is missing in silence: for every combination of framing, levels, paging, method and job, a provider that holds more
//! than one page is read to its end, or the outcome is not `ok`, or `check` refuses the combination.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::Arc;
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::{Input, OutcomeKind, ProviderState, Report, Request, Response, Run, Step};
use stixmap_engine::stix::Observable;
use url::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Json,
    Ndjson,
    Saf,
    Delimited,
}

/// Where rows stand in a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Root,
    List,
    Deep,
    Nested,
    Keys,
    SomeKeys,
}

/// How the next page is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paging {
    None,
    Page,
    Offset,
    NextUrl,
    Cursor,
    Window,
}

/// Which records lie between two ends of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    LastSeen,
    FirstSeen,
    /// Seen at any time between them.
    Overlap,
    /// Seen at no other time: what spans two parts lies in neither.
    Within,
}

/// How a provider that is asked by parts of the window answers.
#[derive(Debug, Clone)]
struct Archive {
    filter: Filter,
    /// How the ends are written.
    format: &'static str,
    /// Whether an end belongs to what it ends.
    is_closed: bool,
    /// Whether an end that is a date is the end of its day.
    means_days: bool,
    /// By what its records are sorted: the newest first, the oldest first, or neither.
    order: u8,
    /// How far apart records were last seen, and how long each was seen, in minutes.
    spread: i64,
    span: i64,
    open_end: bool,
    in_form: bool,
    /// Whether it says the most it gives.
    says_cap: bool,
    /// What it says that is; it may give more.
    cap: usize,
    /// Whether nothing is found is an answer of 404.
    has_404: bool,
    at_most: u32,
}

impl Archive {
    /// The most rows of an answer.
    const CAP: usize = 3;

    /// Whether every part can be made small enough, and enough of them asked for.
    fn is_fair(&self) -> bool {
        let is_exact = matches!(self.format, "%Y-%m-%d %H:%M:%S" | "epoch-seconds" | "seconds-back");
        is_exact && self.filter != Filter::Within && self.span < 300 && self.spread > 100 && self.at_most == 300
    }

    /// When the record of a number was seen first and last, in seconds; the newest has the number 0.
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

    /// The time that an end of the window says.
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
            let [is_closed, means_days, open_end, in_form, says_cap, has_404] = flags;
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
                says_cap,
                cap,
                has_404,
                at_most,
            }
        },
    )
}

/// Where the provider says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
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

/// How a provider writes what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Plain,
    AsText,
    AsFloat,
    /// Only where there is something to say.
    Sparse,
    /// Null where there is nothing to say.
    Null,
    /// Wrapped in an object.
    Wrapped,
    /// Wrapped in a list.
    Listed,
    /// Less than nothing, where a number is wanted.
    Negative,
}

impl Manner {
    /// Whether everybody would understand it.
    fn is_fair(self) -> bool {
        !matches!(self, Self::Wrapped | Self::Listed)
    }
}

#[derive(Debug, Clone)]
struct World {
    framing: Framing,
    rows: Rows,
    paging: Paging,
    total: Place,
    last: Place,
    more: Place,
    next: Place,
    truncated: Place,
    in_body: bool,
    in_header: bool,
    posts: bool,
    job: Job,
    first: u64,
    limit: bool,
    not_first: bool,
    manner: Manner,
    /// Rows of each page.
    pages: Vec<usize>,
    /// Whether each page's stream says that the stream is whole.
    streams_end: bool,
    archive: Archive,
}

fn place() -> impl Strategy<Value = Place> {
    select(vec![Place::Nowhere, Place::Nowhere, Place::Body, Place::Header])
}

fn world() -> impl Strategy<Value = World> {
    use Manner::{AsFloat, AsText, Listed, Negative, Null, Plain, Sparse, Wrapped};
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
        (place(), place(), place(), select(vec![Place::Body, Place::Header, Place::Row]), place()),
        select(vec![Job::None, Job::None, Job::Result, Job::Poll, Job::PollUrl]),
    );
    let flags = any::<[bool; 6]>();
    let manner = select(vec![Plain, Plain, AsText, AsFloat, Sparse, Null, Wrapped, Listed, Negative]);
    // No page in the middle is empty: that is how the end is told where nothing else tells it.
    (shape, flags, manner, 0..2_u64, proptest::collection::vec(1..5_usize, 1..5), archive()).prop_map(
        |((framing, rows, paging, (total, last, more, next, truncated), job), flags, manner, first, pages, archive)| {
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
                manner,
                pages,
                streams_end,
                archive,
            };
            world.settle();
            world
        },
    )
}

impl World {
    /// Leaves out what the kind of paging has no key for; and gives one page where nothing can tell of more.
    fn settle(&mut self) {
        let is_counted = matches!(self.paging, Paging::Page | Paging::Offset);
        let is_lines = self.framing != Framing::Json;
        if is_lines {
            self.rows = Rows::Root;
        }
        // A flag has no header.
        if self.more != Place::Body || !is_counted {
            self.more = Place::Nowhere;
        }
        if self.paging != Paging::Page {
            self.last = Place::Nowhere;
        }
        if !is_counted && !matches!(self.paging, Paging::None | Paging::Window) {
            self.total = Place::Nowhere;
        }
        if self.next == Place::Row
            && (is_lines || !matches!(self.rows, Rows::List | Rows::Deep) || self.paging != Paging::Cursor)
        {
            self.next = Place::Header;
        }
        let tells = self.total != Place::Nowhere || self.truncated != Place::Nowhere || self.framing == Framing::Saf;
        if self.paging == Paging::None && !(tells && self.manner.is_fair() && self.manner != Manner::Negative) {
            self.pages.truncate(1);
        }
        if self.paging == Paging::Window {
            self.archive.in_form &= self.posts;
            self.archive.says_cap |= !(tells && self.manner.is_fair() && self.manner != Manner::Negative);
        }
        if self.rows == Rows::Root && self.framing == Framing::Json {
            // A list has nothing beside it.
            for place in [&mut self.total, &mut self.last, &mut self.more, &mut self.next, &mut self.truncated] {
                if *place == Place::Body {
                    *place = Place::Header;
                }
            }
            self.more = Place::Nowhere;
        }
    }

    fn records(&self) -> usize {
        self.pages.iter().sum()
    }

    /// What nobody can tell: records that span two parts lie in neither for this provider, and it does not say how many it holds.
    fn is_untold(&self) -> bool {
        let counts = self.total != Place::Nowhere
            && self.manner.is_fair()
            && self.manner != Manner::Negative
            && self.rows != Rows::Nested;
        self.paging == Paging::Window && self.archive.filter == Filter::Within && !counts
    }

    /// What `check` has to refuse: something that is said in the body of lines, and a body that is not there.
    fn is_refused(&self) -> bool {
        let places = [self.total, self.last, self.more, self.next_place(), self.truncated];
        let in_lines = self.framing != Framing::Json && places.contains(&Place::Body);
        let is_ordered = self.paging == Paging::Window && self.job != Job::None;
        in_lines || is_ordered || self.sends_in_body() && self.job != Job::None
    }

    fn next_place(&self) -> Place {
        if matches!(self.paging, Paging::NextUrl | Paging::Cursor) { self.next } else { Place::Nowhere }
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
            Place::Body => lookup += "    truncated_when: { at: $.says.cut }\n",
            Place::Header => lookup += "    truncated_when: { header: X-Cut }\n",
            _ => {}
        }
        lookup += match self.job {
            Job::None => "",
            Job::Result => {
                "    job: { id: $.job, poll: \"/jobs/{job}\", state: $.state, pending: [busy], result: \"/jobs/{job}/result\", every: PT1S, at_most: 9 }\n"
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
        let figure = |name: &str, place: Place| match place {
            Place::Body | Place::Row => vec![format!("{name}: $.says.{name}")],
            Place::Header => vec![format!("{name}_header: X-{name}")],
            Place::Nowhere => vec![],
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
                text.extend((self.next == Place::Body).then(|| "at: $.says.next".to_owned()));
            }
            Paging::Cursor => {
                let to = if self.in_header {
                    "request_header: X-From".to_owned()
                } else {
                    format!("parameter: {parameter}")
                };
                let at = match (self.next, self.rows) {
                    (Place::Row, Rows::Deep) => "at: \"$.result.rows[-1].cursor\"",
                    (Place::Row, _) => "at: \"$.rows[-1].cursor\"",
                    (Place::Body, _) => "at: $.says.next",
                    _ => "header: X-Next",
                };
                text.push(format!("kind: cursor, {at}, {to}, at_most: 20"));
            }
            Paging::Window => {
                let Archive { at_most, says_cap, cap, open_end, .. } = self.archive;
                text.push(format!("kind: window, at_most: {at_most}"));
                text.extend(says_cap.then(|| format!("cap: {cap}")));
                text.extend((open_end && !self.in_body).then(|| "open_end: true".to_owned()));
            }
        }
        text.extend(figure("total", self.total));
        text.extend(figure("last", self.last));
        text.extend((self.more == Place::Body).then(|| "more: $.says.more".to_owned()));
        text
    }
}

/// The provider: it knows which page is asked for by the request alone.
struct Provider<'w> {
    world: &'w World,
    polls: u32,
    /// How many records lie in the window, by the first request.
    held: Option<usize>,
}

impl Provider<'_> {
    fn answer(&mut self, request: &Request) -> Response {
        let url = Url::parse(request.url.expose()).expect("a URL");
        let path = url.path();
        let is_order = path.starts_with("/names/") && self.world.job != Job::None;
        assert_eq!(
            request.method,
            if self.world.posts && path.starts_with("/names/") || self.posts_on(path) { "POST" } else { "GET" }
        );
        if is_order {
            let headers = vec![("Location".to_owned(), "/jobs/7".to_owned())];
            return Response { status: 200, headers, body: br#"{"job":7}"#.to_vec(), cut: None };
        }
        if path == "/jobs/7" {
            self.polls += 1;
            match (self.world.job, self.polls) {
                (Job::Result, 1) => return plain(200, r#"{"state":"busy"}"#),
                (Job::Result, _) => return plain(200, r#"{"state":"done"}"#),
                (_, 1) => return plain(202, ""),
                _ => {}
            }
        }
        match self.world.paging {
            Paging::Window => self.part(request, &url),
            _ => self.page(self.asked(request, &url)),
        }
    }

    /// An answer about a part of the window: of all records in it, as many as it gives.
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
        self.held.get_or_insert(found.len());
        if found.is_empty() && archive.has_404 {
            return plain(404, "");
        }
        let all = found.len();
        found.truncate(Archive::CAP);
        let row = |number: &usize| {
            let (first, last) = archive.seen(*number);
            json!({ "name": "example.com", "type": "A", "data": format!("192.0.2.{}", number + 1), "first": first, "last": last })
        };
        let rows: Vec<Value> = found.iter().map(row).collect();
        let is_whole = all == rows.len();
        let (mut says, mut headers) = (Map::new(), vec![]);
        for (name, place, value) in
            [("total", world.total, Value::from(all)), ("cut", world.truncated, Value::from(!is_whole))]
        {
            if name == "cut" && is_whole && world.manner == Manner::AsText {
                continue;
            }
            match place {
                Place::Body => says.extend(self.said(&value, !is_whole).map(|value| (name.to_owned(), value))),
                Place::Header if !is_whole || !value.is_boolean() => {
                    headers.push((format!("x-{name}"), value.to_string()));
                }
                _ => {}
            }
        }
        let body = self.body(&rows, &Value::Object(says), is_whole).into_bytes();
        Response { status: 200, headers, body, cut: None }
    }

    /// The next page of a lookup without a job is asked for as the first one was.
    fn posts_on(&self, path: &str) -> bool {
        path == "/more" && self.world.posts && self.world.job == Job::None
    }

    /// Which page is asked for, from 0.
    fn asked(&self, request: &Request, url: &Url) -> usize {
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
            // The provider's cursor is the last row's; the last page says that there is none.
            if world.next == Place::Row && !is_last {
                row["cursor"] = Value::from(if number + 1 == before + count { cursor.as_str() } else { "" });
            }
            row
        };
        let rows: Vec<Value> = (before..before + count).map(row).collect();
        let (mut says, mut headers) = (Map::new(), vec![]);
        let mut say = |name: &str, place: Place, value: Value, has_news: bool| match place {
            Place::Body => says.extend(self.said(&value, has_news).map(|value| (name.to_owned(), value))),
            Place::Header if has_news || !value.is_boolean() => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                headers.push((format!("x-{name}"), text));
            }
            _ => {}
        };
        say("total", world.total, world.records().into(), !is_last);
        say("last", world.last, (world.pages.len() as u64 + world.first - 1).into(), !is_last);
        say("more", world.more, (!is_last).into(), !is_last);
        let is_cut = world.paging == Paging::None && !is_last;
        // A text is something, whatever it says: a signal that is a text is given where it says so.
        if is_cut || world.manner != Manner::AsText {
            say("cut", world.truncated, is_cut.into(), is_cut);
        }
        let next = if world.paging == Paging::NextUrl {
            format!("/more?types=A,AAAA;x&from={}", page + 1)
        } else {
            cursor.clone()
        };
        match (world.paging, world.next) {
            (Paging::NextUrl, Place::Body) | (Paging::Cursor, Place::Body) if !is_last => {
                says.extend(self.said(&next.into(), true).map(|value| ("next".to_owned(), value)));
            }
            (Paging::NextUrl | Paging::Cursor, Place::Body) if world.manner != Manner::Sparse => {
                says.insert("next".to_owned(), if world.manner == Manner::Plain { "".into() } else { Value::Null });
            }
            (Paging::NextUrl, _) if !is_last => {
                headers.push(("link".to_owned(), "</first>; rel=\"first\"".to_owned()));
                headers.push((
                    "link".to_owned(),
                    format!("</x,y>; title=\"a, <b>\"; rel=prev, <{next}>; rel = \"last next\""),
                ));
            }
            (Paging::Cursor, Place::Header) if !is_last => headers.push(("x-next".to_owned(), next)),
            _ => {}
        }
        Response { status: 200, headers, body: self.body(&rows, &Value::Object(says), is_last).into_bytes(), cut: None }
    }

    fn said(&self, value: &Value, has_news: bool) -> Option<Value> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(match self.world.manner {
            Manner::Plain => value.clone(),
            Manner::AsText => text.into(),
            Manner::AsFloat => value.as_u64().map_or_else(|| value.clone(), |number| json!(number as f64)),
            Manner::Sparse if !has_news => return None,
            Manner::Null if !has_news => Value::Null,
            Manner::Sparse | Manner::Null => value.clone(),
            Manner::Wrapped => json!({ "value": value }),
            Manner::Listed => json!([value]),
            Manner::Negative if value.is_u64() => json!(-1),
            Manner::Negative => value.clone(),
        })
    }

    fn body(&self, rows: &[Value], says: &Value, is_last: bool) -> String {
        let world = self.world;
        let halves = rows.split_at(rows.len() / 2);
        match (world.framing, world.rows) {
            (Framing::Ndjson, _) => rows.iter().map(|row| format!("{row}\n")).collect(),
            (Framing::Saf, _) => {
                let lines: String =
                    rows.iter().map(|row| format!("{}\n", json!({ "cond": "ongoing", "obj": row }))).collect();
                // Where pages are found by other means, a stream may speak of itself alone.
                let is_told = world.total != Place::Nowhere
                    || world.last != Place::Nowhere
                    || world.next_place() != Place::Nowhere;
                let end = if is_last || world.streams_end && is_told { "succeeded" } else { "limited" };
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
            (_, Rows::List) => json!({ "says": says, "rows": rows }).to_string(),
            (_, Rows::Deep) => json!({ "result": { "rows": rows }, "says": says }).to_string(),
            // The outermost level is what is counted: one row a group.
            (_, Rows::Nested) => {
                json!({ "groups": rows.iter().map(|row| json!({ "rows": [row] })).collect::<Vec<_>>(), "says": says })
                    .to_string()
            }
            (_, Rows::Keys | Rows::SomeKeys) => {
                json!({ "says": says, "types": { "a": halves.0, "b": halves.1 } }).to_string()
            }
        }
    }
}

fn plain(status: u16, body: &str) -> Response {
    Response { status, headers: vec![], body: body.as_bytes().to_vec(), cut: None }
}

/// The report, and how many records the provider holds.
fn run(plan: &Plan, world: &World) -> (Report, usize) {
    let mut now = Timestamp::from_second(NOW).expect("a time");
    let input = Input {
        observable: Observable::detect("example.com").expect("an observable"),
        markings: vec![],
        settings: Settings::read(&plan.settings, |_| None).expect("no settings"),
        deadline: now + SignedDuration::from_hours(1),
        seed: 7,
        trace: false,
    };
    let mut provider = Provider { world, polls: 0, held: None };
    let mut run = Run::new(plan, Arc::new(ProviderState::default()), input, now);
    loop {
        match run.next(now) {
            Step::Done => return (run.finish(), provider.held.unwrap_or(world.records())),
            Step::Wait(until) => now = until,
            Step::Send(request) => drop(run.accept(Ok(provider.answer(&request)), now)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn a_provider_is_read_to_its_end_or_the_outcome_says_so(world in world()) {
        let text = world.profile();
        let (plan, told) = Plan::check(&Source::new("profile.yaml", text.clone()));
        let codes: Vec<&str> = told.iter().map(|told| told.code.slug()).collect();
        prop_assert_eq!(plan.is_none(), world.is_refused(), "{:?}\n{}", codes, text);
        let Some(plan) = plan else {
            prop_assert!(codes.iter().all(|code| ["place-in-lines", "body-parameter", "window-parts"].contains(code)), "{:?}\n{}", codes, text);
            return Ok(());
        };
        let (report, held) = run(&plan, &world);
        prop_assert!(report.counts.read <= held as u64, "{} of {}\n{}", report.counts.read, held, text);
        let is_whole = report.counts.read == held as u64;
        let is_ok = matches!(report.outcome.kind, OutcomeKind::Ok | OutcomeKind::Empty);
        prop_assert!(is_whole || !is_ok || world.is_untold(), "{} of {}\n{}\n{}", report.counts.read, held, report.outcome, text);
        if world.paging == Paging::Window {
            prop_assert!(report.requests <= u64::from(world.archive.at_most), "{} requests\n{}", report.requests, text);
        }
        // And what everybody understands is read, not only complained of.
        let is_fair = world.paging != Paging::Window || world.archive.is_fair();
        if world.manner.is_fair() && world.paging != Paging::None && is_fair {
            prop_assert!(is_whole && is_ok, "{} of {}\n{}\n{}", report.counts.read, held, report.outcome, text);
        }
    }
}
