//! Formats the facts about a profile as text: sections of aligned rows, 120 columns wide.

use super::bound::counted;
use super::facts::{
    AnswerFact, Asked, Bound, Facts, FieldFact, HeaderFact, LookupFact, OrientationFact, ProbeFact, RecordFact,
    RequestFact, RuleFact, SettingFact, Then,
};
use std::fmt::Write;
use stixmap_engine::printable;

/// Maximum width of a line, in characters. Longer words are not divided.
const WIDTH: usize = 120;

/// Maximum width of a label. Wider ones have their own line.
const LABEL: usize = 30;

/// Formats the facts.
pub(super) fn write(facts: &Facts) -> String {
    let mut page = Page { text: String::new() };
    head(&mut page, facts);
    if let Some(asked) = &facts.asked {
        page.section("Observable", &self::asked(asked));
    }
    page.section("Settings", &facts.settings.iter().map(setting).collect::<Vec<_>>());
    page.section("Maximum requests per observable", &bounds(facts));
    page.section("Limits of every request", &limits(facts));
    if let Some(probe) = &facts.quota.probe {
        page.section("Quota, read before the first request", &self::probe(probe));
    }
    facts.lookups.iter().for_each(|lookup| self::lookup(&mut page, lookup));
    let (own, common): (Vec<_>, Vec<_>) = facts.answers.iter().partition(|answer| answer.by_profile);
    page.section("Responses", &own.into_iter().map(answer).collect::<Vec<_>>());
    page.section("Responses without a row in the profile", &common.into_iter().map(answer).collect::<Vec<_>>());
    page.section("Records", &facts.record.fields.iter().map(field).collect::<Vec<_>>());
    page.section("Orientation of records", &orientations(&facts.record));
    page.section("Rules (first match)", &rules(&facts.rules));
    page.section("Relationships", &relationship(facts));
    page.section("TLP", &tlp(facts));
    page.section("PAP", &[row("maximum", &facts.pap.max)]);
    page.text
}

type Row = (String, String);

fn row(label: &str, text: impl Into<String>) -> Row {
    (printable::line(label).into_owned(), printable::line(&text.into()).into_owned())
}

/// The text of the page.
struct Page {
    text: String,
}

impl Page {
    fn section(&mut self, title: &str, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "\n{title}");
        let labels = rows.iter().map(|(label, _)| label.chars().count()).filter(|width| *width <= LABEL);
        let width = labels.max().unwrap_or(0);
        rows.iter().for_each(|(label, text)| self.row(label, text, width));
    }

    fn row(&mut self, label: &str, text: &str, width: usize) {
        let indent = if width == 0 { 2 } else { width + 4 };
        let lines = wrapped(text, WIDTH - indent);
        let stands_alone = label.chars().count() > width;
        if stands_alone {
            let _ = writeln!(self.text, "  {label}");
        }
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 && !stands_alone { label } else { "" };
            let text = if width == 0 { format!("  {line}") } else { format!("  {label:<width$}  {line}") };
            let _ = writeln!(self.text, "{}", text.trim_end());
        }
    }
}

/// Wraps lines at spaces. MultilineError spaces are kept.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![];
    for line in text.lines() {
        let mut rest = line;
        while rest.chars().count() > width {
            let end = rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at);
            let Some(at) = rest[..=end.min(rest.len() - 1)].rfind(' ').or_else(|| rest.find(' ')) else { break };
            lines.push(rest[..at].trim_end().to_owned());
            rest = rest[at..].trim_start();
        }
        lines.push(rest.to_owned());
    }
    lines
}

fn head(page: &mut Page, facts: &Facts) {
    let profile = &facts.profile;
    let title = format!("{}: {} {}, {}", profile.name, profile.id, profile.version, profile.status);
    let _ = writeln!(page.text, "{}", printable::line(&title));
    for line in wrapped(&printable::line(&profile.summary), WIDTH) {
        let _ = writeln!(page.text, "{line}");
    }
    let _ = writeln!(page.text, "{}", printable::line(&profile.file));
    let texts = [("Terms", &profile.terms), ("License", &profile.licence), ("Account", &profile.subscription)];
    let texts = texts.into_iter().filter_map(|(word, text)| Some(format!("{word}: {}", text.as_ref()?)));
    let links = (!profile.links.is_empty()).then(|| format!("Documentation: {}", profile.links.join(", ")));
    for line in texts.chain(links).flat_map(|text| wrapped(&printable::line(&text), WIDTH)) {
        let _ = writeln!(page.text, "{line}");
    }
    if !profile.origins.is_empty() {
        let _ = writeln!(page.text, "Credentials are sent only to {}", profile.origins.join(" and "));
    }
}

fn asked(asked: &Asked) -> Vec<Row> {
    let marked: Vec<&str> = asked.tlp.iter().chain(&asked.pap).map(String::as_str).collect();
    let marked = if marked.is_empty() { "none".to_owned() } else { marked.join(", ") };
    let decision = match &asked.refused {
        None => "may be sent".to_owned(),
        Some(reason) => format!("nothing is sent: {reason}; the requests below would be sent otherwise"),
    };
    let results = format!("marked {}", asked.results_tlp);
    vec![row(asked.r#type, &asked.value), row("marking", marked), row("decision", decision), row("results", results)]
}

fn setting(setting: &SettingFact) -> Row {
    let given = match (&setting.default, setting.required) {
        (Some(default), _) => format!("default {default}"),
        (None, true) => "required".to_owned(),
        (None, false) => "optional".to_owned(),
    };
    let (name, first) = row(&setting.name, format!("{}, {given}, {}", setting.r#type, setting.variable));
    (name, format!("{first}\n{}", printable::line(&setting.description)))
}

fn bounds(facts: &Facts) -> Vec<Row> {
    let mut rows: Vec<Row> = facts.requests_at_most.iter().flat_map(bound).collect();
    if let Some(probe) = &facts.quota.probe {
        rows.push(row("", format!("The quota is read again after {}, even if it is exhausted.", probe.every)));
    }
    rows
}

fn bound(bound: &Bound) -> Vec<Row> {
    let total = row(&bound.types.join(", "), bound.requests.to_string());
    let terms =
        bound.sum.iter().map(|term| row(&format!("  {}", term.of), format!("{} = {}", term.requests, term.how)));
    std::iter::once(total).chain(terms).collect()
}

fn limits(facts: &Facts) -> Vec<Row> {
    let limits = &facts.limits;
    let again = match limits.attempts {
        1 => "none".to_owned(),
        attempts => format!(
            "at most {attempts} attempts; first wait {}, doubled each time, at most {}",
            limits.first_wait, limits.longest_wait
        ),
    };
    let mut rows = vec![
        row("timeout", &limits.timeout),
        row("maximum response", format!("{} MiB", limits.max_body_mib)),
        row("retries", again),
        row("redirects", format!("within the provider's own origin, at most {}", limits.redirects)),
    ];
    rows.extend(facts.quota.rate.as_ref().map(|rate| row("rate", rate)));
    rows.extend(facts.quota.headers.iter().map(|headers| row("quota", headers)));
    rows.push(row("maximum wait", format!("{}, even if the provider requests more", facts.quota.longest_wait)));
    rows.extend(facts.window.as_ref().map(|window| row("window", period(window))));
    rows
}

fn period(window: &super::facts::WindowFact) -> String {
    let start = window.start.as_ref().map(|start| format!(", since {start}")).unwrap_or_default();
    let filter = match &window.filter {
        Some(field) => format!("; records whose {field} is earlier are dropped"),
        None => String::new(),
    };
    format!("last {}{start}{filter}", window.last)
}

fn probe(probe: &ProbeFact) -> Vec<Row> {
    let mut rows = request(&probe.request);
    rows.push(row(
        "exhausted when",
        format!(
            "{}; then nothing else is sent; if a number is missing, the run warns and continues",
            probe.exhausted_when
        ),
    ));
    rows.push(row("reset", &probe.full_again));
    rows.push(row("valid for", &probe.every));
    rows
}

fn request(request: &RequestFact) -> Vec<Row> {
    let body = request.body.iter().map(|body| row("body", body));
    std::iter::once(row(request.method, &request.url)).chain(request.headers.iter().map(header)).chain(body).collect()
}

fn header(header: &HeaderFact) -> Row {
    row(&header.name, &header.value)
}

fn lookup(page: &mut Page, lookup: &LookupFact) {
    let title = format!("Lookup {}, line {}: {}", lookup.name, lookup.line, lookup.accepts.join(", "));
    let url_and_body = |request: &RequestFact| {
        let body = request.body.as_ref().map(|body| row("body", body));
        std::iter::once(row(request.method, &request.url)).chain(body).collect::<Vec<_>>()
    };
    let mut rows: Vec<Row> = lookup.requests.iter().flat_map(url_and_body).collect();
    // All requests of a lookup have the same headers, unless one holds `{each}`.
    let mut headers: Vec<&HeaderFact> = vec![];
    for found in lookup.requests.iter().flat_map(|request| &request.headers) {
        if !headers.contains(&found) {
            headers.push(found);
        }
    }
    rows.extend(headers.into_iter().map(header));
    let times = lookup.times.iter();
    rows.extend(times.map(|time| row(&time.parameter, format!("{}, format {}", time.from, time.format))));
    if !lookup.for_each.is_empty() {
        let number = u32::try_from(lookup.for_each.len()).unwrap_or(u32::MAX);
        rows.push(row(
            "each",
            format!("{}, one for each of {}", counted(number, "request"), lookup.for_each.join(", ")),
        ));
    }
    rows.extend(lookup.job.as_ref().map(|job| row("job", job)));
    rows.extend(lookup.later.iter().map(|request| row("then", format!("{} {}", request.method, request.url))));
    rows.push(row("rows", &lookup.rows));
    let bound = match lookup.pages_at_most {
        1 => String::new(),
        pages => format!("; at most {pages} pages, with more the outcome is `partial`"),
    };
    rows.push(row("pages", format!("{}{bound}", lookup.paging)));
    page.section(&printable::line(&title), &rows);
}

fn answer(answer: &AnswerFact) -> Row {
    let message = answer.message.as_ref().map(|path| format!(" Message: {path}.")).unwrap_or_default();
    let wait = answer.wait.as_ref().map(|wait| format!(" Wait: {wait}.")).unwrap_or_default();
    row(&answer.when, format!("{:<12}  {}{message}{wait}", answer.means, answer.then))
}

fn field(field: &FieldFact) -> Row {
    let mut text = match &field.take {
        Some(take) => format!("the {take} {} at {}", field.r#type, field.at.join(" and ")),
        None => format!("{} at {}", field.r#type, field.at.join(", else ")),
    };
    let mut add = |more: String| text.push_str(&more);
    if let Some(format) = &field.format {
        let zone = field.zone.as_ref().map(|zone| format!(" in {zone}")).unwrap_or_default();
        add(format!(", format {format}{zone}"));
    }
    add(if field.optional { ", optional".to_owned() } else { ", required".to_owned() });
    if !field.none_when.is_empty() {
        add(format!("; {} means none", field.none_when.join(" or ")));
    }
    for (theirs, ours) in &field.aliases {
        add(format!("; \"{theirs}\" is read as {ours}"));
    }
    row(&field.name, text)
}

fn orientations(record: &RecordFact) -> Vec<Row> {
    let sides = |row: &OrientationFact| {
        let read_as = row.rdata_as.as_ref().map(|kind| format!(" as {kind}")).unwrap_or_default();
        format!("owner {}, data {}{read_as}", row.rrname, row.rdata)
    };
    let one = |(number, orientation): (usize, &OrientationFact)| match &orientation.when {
        Some(when) => row(&sides(orientation), format!("when {when}")),
        None if number == 0 => row(&sides(orientation), "always"),
        None => row(&sides(orientation), "otherwise"),
    };
    let mut rows: Vec<Row> = record.orientation.iter().enumerate().map(one).collect();
    rows.push(row("bad records", format!("the lookup fails above {} %", record.bad_at_most_percent)));
    rows.push(row("records about other names", &record.other_names));
    if !record.drop_addresses.is_empty() {
        let reach = record.drop_addresses.join(", ");
        rows.push(row("dropped addresses", format!("{reach}; their records are counted as dropped")));
    }
    rows
}

fn rules(rules: &[RuleFact]) -> Vec<Row> {
    let types = |rule: &RuleFact| if rule.rrtypes.is_empty() { "any".to_owned() } else { rule.rrtypes.join(" ") };
    let width = rules.iter().map(|rule| types(rule).chars().count()).max().unwrap_or(0).min(LABEL);
    let one = |rule: &RuleFact| {
        let when = rule.when.as_ref().map(|when| format!(", when {when}")).unwrap_or_default();
        let becomes = format!("{:<width$}  {}{when}", types(rule), becomes(&rule.then));
        row(&format!("rules[{}], line {}", rule.number, rule.line), becomes)
    };
    rules.iter().map(one).collect()
}

fn becomes(then: &Then) -> String {
    match then {
        Then::Drop { drop } => format!("dropped: {drop}"),
        Then::Relate { source, relationship, target, description } => {
            let text = description.as_ref().map(|text| format!(", description “{text}”")).unwrap_or_default();
            format!("{source} - {relationship} -> {target}{text}")
        }
    }
}

fn relationship(facts: &Facts) -> Vec<Row> {
    let block = &facts.relationship;
    let mut rows = vec![];
    rows.extend(block.description.as_ref().map(|text| row("description", text)));
    rows.extend(block.start_time.as_ref().map(|field| row("start", field)));
    rows.extend(
        block.stop_time.as_ref().map(|field| row("stop", format!("{field}; one second later if it equals the start"))),
    );
    rows.push(row("id from", block.id));
    rows.push(row("repeats", &block.repeats));
    rows.push(row("author", format!("{}, {}", facts.identity.name, facts.identity.class)));
    rows
}

fn tlp(facts: &Facts) -> Vec<Row> {
    let tlp = &facts.tlp;
    vec![
        row("maximum", &tlp.max),
        row("unmarked observables", tlp.unmarked),
        row("results", format!("at least the observable's marking and {}", tlp.at_least)),
    ]
}
