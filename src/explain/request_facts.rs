//! Facts about the requests of a profile: limits, quota, lookups, paging, interpretation of responses.

use super::facts::{AnswerFact, Limits, LookupFact, ProbeFact, QuotaFact, TimeFact, WindowFact};
use super::phrasing::{types, word};
use super::run_preview::RunPreview;
use super::{manual, request};
use jiff::SignedDuration;
use std::fmt::Display;
use stixmap_engine::plan::{
    AnswerPlan, BodyTestPlan, CursorTarget, ElementPlan, JobPlan, LevelPlan, LookupPlan, PagingPlan, Path, Plan,
    ProbeFigures, ProbePlan, QueryPlan, RatePlan, ResponseLocation, RowTestPlan, SettingValue, Settings, TimeFormat,
    ValueOrSetting, before,
};
use stixmap_engine::profile::{Framing, LevelKind, Meaning, QuotaHeaders, Scalar, WaitUnit};
use stixmap_engine::run::{MAX_REDIRECTS, meaning_of_status};

pub(super) fn limits(plan: &Plan) -> Limits {
    let retry = &plan.http.retry;
    Limits {
        timeout: short(plan.http.timeout),
        max_body_mib: plan.http.max_body >> 20,
        attempts: retry.attempts,
        first_wait: short(retry.first),
        longest_wait: short(retry.longest),
        redirects: MAX_REDIRECTS,
    }
}

/// Formats a duration: `30s`, `5m`.
fn short(duration: SignedDuration) -> String {
    format!("{duration:#}")
}

pub(super) fn quota(plan: &Plan, preview: Option<&RunPreview>) -> QuotaFact {
    QuotaFact {
        probe: plan.quota.probe.as_ref().map(|probe| self::probe(plan, probe, preview)),
        headers: plan.quota.headers.iter().map(headers).collect(),
        rate: rates(plan),
        longest_wait: short(plan.quota.longest_wait),
    }
}

fn rates(plan: &Plan) -> Option<String> {
    let one = |rate: &RatePlan| format!("{} requests per {}", rate.requests, short(rate.per));
    let at_once = plan.quota.concurrency.map(|most| format!("{most} concurrently"));
    let all: Vec<String> = plan.quota.rates.iter().map(one).chain(at_once).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn either(paths: &[Path]) -> String {
    paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn probe(plan: &Plan, probe: &ProbePlan, preview: Option<&RunPreview>) -> ProbeFact {
    let sent = preview.and_then(|preview| preview.requests.probe.as_ref());
    let exhausted_when = match &probe.figures {
        ProbeFigures::UsedOfLimit(used, limit) => {
            format!("{} has reached {}", either(used), either(limit))
        }
        ProbeFigures::Remaining(remaining) => {
            format!("{} is 0", either(remaining))
        }
    };
    let exhausted_when = match &probe.element {
        Some(ElementPlan { of, at, is }) => {
            format!("{exhausted_when}, in the element of {of} whose {at} is {}", scalar(is))
        }
        None => exhausted_when,
    };
    let every = short(probe.every);
    let full_again = match &probe.reset {
        Some((path, format)) => {
            format!("at the time in {path}, format {}{}; otherwise after {every}", format.as_str(), in_zone(format))
        }
        None => format!("assumed after {every}"),
    };
    let request = sent.map_or_else(|| request::probe(plan, probe), request::sent);
    ProbeFact { request, exhausted_when, full_again, every }
}

fn headers(headers: &QuotaHeaders) -> String {
    let until = match &headers.reset {
        Some(reset) => format!("until the time in {}, {}", reset.header, in_form(reset.unit)),
        None => "for the default wait".to_owned(),
    };
    format!("when {} is 0, no request is sent {until}", headers.remaining)
}

fn in_form(unit: WaitUnit) -> &'static str {
    match unit {
        WaitUnit::Seconds => "in seconds from now",
        WaitUnit::Milliseconds => "in milliseconds from now",
        WaitUnit::Minutes => "in minutes from now",
        WaitUnit::EpochSeconds => "in seconds since the Unix epoch",
        WaitUnit::EpochMilliseconds => "in milliseconds since the Unix epoch",
        WaitUnit::Date => "as a date",
    }
}

pub(super) fn window(plan: &Plan, preview: Option<&RunPreview>) -> Option<WindowFact> {
    let window = plan.window.as_ref()?;
    let start = preview.and_then(|preview| {
        let span = match &window.last {
            ValueOrSetting::Value(span) => *span,
            ValueOrSetting::Setting(name) => match preview.settings.value(name)? {
                SettingValue::Duration(span) => *span,
                _ => return None,
            },
        };
        Some(format!("{:.0}", before(preview.now, span)))
    });
    let last = value_or_setting(plan, &window.last, preview.map(|preview| &preview.settings));
    Some(WindowFact { last, start, filter: window.filter.map(|field| field.to_string()) })
}

/// Returns a value, with the name of its setting if the operator can set it.
pub(super) fn value_or_setting<T: Display>(
    plan: &Plan,
    value: &ValueOrSetting<T>,
    settings: Option<&Settings>,
) -> String {
    let name = match value {
        ValueOrSetting::Value(value) => return value.to_string(),
        ValueOrSetting::Setting(name) => name,
    };
    if let Some(value) = settings.and_then(|settings| settings.value(name)) {
        return format!("{} (setting `{name}`)", value.as_text());
    }
    let default = plan.settings.iter().find(|spec| spec.name == *name).and_then(|spec| spec.default.as_ref());
    match default {
        Some(default) => format!("setting `{name}` (default {default})"),
        None => format!("setting `{name}`"),
    }
}

pub(super) fn lookups(plan: &Plan, preview: Option<&RunPreview>) -> Vec<LookupFact> {
    let is_used =
        |lookup: &LookupPlan| preview.is_none_or(|preview| lookup.accepts.contains(&preview.observable.kind()));
    let lookups = plan.lookups.iter().enumerate().filter(|(_, lookup)| is_used(lookup));
    lookups.map(|(number, lookup)| self::lookup(plan, number, lookup, preview)).collect()
}

fn lookup(plan: &Plan, number: usize, lookup: &LookupPlan, preview: Option<&RunPreview>) -> LookupFact {
    let requests = match preview {
        None => vec![request::first_page(plan, lookup)],
        Some(preview) => {
            let own = preview.requests.first_pages.iter().filter(|(of, _)| *of == number);
            own.map(|(_, request)| request::sent(request)).collect()
        }
    };
    LookupFact {
        name: lookup.name.clone(),
        line: lookup.line,
        accepts: types(&lookup.accepts),
        for_each: lookup.for_each.clone(),
        requests,
        times: lookup.query.iter().filter_map(|(name, value)| time(name, value)).collect(),
        rows: rows(lookup),
        job: lookup.job.as_ref().map(job),
        later: request::of_job(plan, lookup),
        paging: paging(plan, &lookup.paging, lookup.rows.framing, preview.map(|preview| &preview.settings)),
        pages_at_most: lookup.paging.at_most(),
    }
}

fn time(parameter: &str, value: &QueryPlan) -> Option<TimeFact> {
    let QueryPlan::Time(point, format) = value else { return None };
    let parameter = parameter.to_owned();
    Some(TimeFact { parameter, from: request::window_point(*point), format: format.as_str().to_owned() })
}

/// Returns the time zone of a format that contains none.
pub(super) fn zone(format: &TimeFormat) -> Option<&str> {
    match format {
        TimeFormat::Civil(_, zone) => zone.iana_name(),
        _ => None,
    }
}

fn in_zone(format: &TimeFormat) -> String {
    zone(format).map(|zone| format!(" in {zone}")).unwrap_or_default()
}

fn rows(lookup: &LookupPlan) -> String {
    let rows = &lookup.rows;
    let cut = match rows.framing {
        Framing::Json if rows.levels.len() == 1 && rows.levels[0].is == LevelKind::List => {
            let at = &rows.levels[0].at;
            format!("JSON, the list at {at}: a missing list is an error, an empty list an empty result")
        }
        Framing::Json => format!("JSON, {}", levels(&rows.levels)),
        Framing::Ndjson => {
            let inside =
                if rows.levels.is_empty() { String::new() } else { format!("; in each {}", levels(&rows.levels)) };
            format!("NDJSON, one object per line; records before an interruption are kept{inside}")
        }
        Framing::Saf => "Streaming API Framing: a response without its last line is incomplete".to_owned(),
        Framing::Delimited => "delimited text".to_owned(),
    };
    let tests = |tests: &[RowTestPlan], word: &str| -> String {
        tests.iter().map(|test| format!("; {word} where {} is {}", test.at, one_of(&test.is))).collect()
    };
    format!("{cut}{}{}", tests(&rows.only, "only"), tests(&rows.except, "except"))
}

fn levels(levels: &[LevelPlan]) -> String {
    let level = |level: &LevelPlan| {
        let of = match level.is {
            LevelKind::List => "each element of the list at",
            LevelKind::Map => "each key of the object at",
            LevelKind::OneOrMany => "each value at",
        };
        let keys = if level.keys.is_empty() { String::new() } else { format!(" ({} only)", level.keys.join(", ")) };
        format!("{of} {}{keys}", level.at)
    };
    levels.iter().map(level).collect::<Vec<_>>().join(", then ")
}

fn one_of(values: &[Scalar]) -> String {
    values.iter().map(scalar).collect::<Vec<_>>().join(" or ")
}

fn job(job: &JobPlan) -> String {
    let result = if job.result.is_some() { "; then its result is requested" } else { "" };
    let every = short(job.every);
    let by_state = job.state.as_ref().filter(|_| !job.pending.is_empty());
    let by_state = by_state.map(|state| format!("{state} is {}", one_of(&job.pending)));
    let codes = job.pending_status.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
    let by_status = (!codes.is_empty()).then(|| format!("the status is {codes}"));
    let pending: Vec<String> = by_state.into_iter().chain(by_status).collect();
    let role = if job.poll.is_some() { "is its id" } else { "is its URL" };
    let (id, pending) = (self::place(&job.id), pending.join(" or "));
    format!("{id} {role}; polled every {every}, at most {} times, while {pending}{result}", job.at_most)
}

fn paging(plan: &Plan, paging: &PagingPlan, framing: Framing, settings: Option<&Settings>) -> String {
    let number = |number: &ValueOrSetting<u64>| value_or_setting(plan, number, settings);
    match paging {
        PagingPlan::None { total: None, cap: None } => "one page".to_owned(),
        PagingPlan::None { total: None, cap: Some(cap) } => {
            let cap = number(cap);
            format!("one page; with {cap} rows, the maximum, the outcome is `partial`")
        }
        PagingPlan::None { total: Some(total), .. } => {
            format!("one page; if {} exceeds the number of records, the outcome is `partial`", place(total))
        }
        PagingPlan::Page { parameter, first, last, more, total, .. } => {
            let last = last.as_ref().map(|last| format!("until the page number in {}", place(last)));
            let end = last.unwrap_or_else(|| self::end(more.as_ref(), total.as_ref()));
            format!("`{parameter}` counts pages from {first}, {end}")
        }
        PagingPlan::Offset { parameter, not_first, limit, more, total, .. } => {
            let end = match framing {
                Framing::Saf => "while a page ends with `limited`".to_owned(),
                _ => self::end(more.as_ref(), total.as_ref()),
            };
            let size = limit.as_ref().map(|(_, size)| format!(", {} per page", number(size))).unwrap_or_default();
            let from = if *not_first { " from the second page" } else { "" };
            format!("`{parameter}` counts records{size}{from}, {end}")
        }
        PagingPlan::NextUrl { at, .. } => {
            let place = at.as_ref().map_or_else(|| "the header `Link`".to_owned(), ToString::to_string);
            format!("the URL of the next page is in {place}; followed within the provider's own origin only")
        }
        PagingPlan::Cursor { from, to, .. } => {
            let to = match to {
                CursorTarget::Parameter(name) => format!("as `{name}`"),
                CursorTarget::Header(name) => format!("in the header `{name}`"),
            };
            format!("the cursor in {} is sent {to} for the next page", place(from))
        }
        PagingPlan::Window { cap, total, open_end, .. } => {
            let cap = cap.map(|cap| format!("{cap} rows"));
            let total = total.as_ref().map(|total| format!("fewer records than {}", place(total)));
            let full: Vec<String> = cap.into_iter().chain(total).collect();
            let full = if full.is_empty() { "marked as incomplete".to_owned() } else { full.join(" or ") };
            let open = if *open_end { "; the newest part has an open end" } else { "" };
            format!("an incomplete response ({full}) is requested again in halves of the window, newest first{open}")
        }
    }
}

fn end(more: Option<&Path>, total: Option<&ResponseLocation>) -> String {
    match (more, total) {
        (Some(more), _) => format!("while {more} is true"),
        (None, Some(total)) => format!("until {} records are read", place(total)),
        (None, None) => "until a page is empty".to_owned(),
    }
}

fn place(place: &ResponseLocation) -> String {
    match place {
        ResponseLocation::Body(path) => path.to_string(),
        ResponseLocation::Header(name) => format!("the header `{name}`"),
    }
}

/// Returns the rows of the profile, then the defaults of all profiles.
pub(super) fn answers(plan: &Plan) -> Vec<AnswerFact> {
    plan.answers.iter().map(answer).chain(defaults()).collect()
}

fn answer(row: &AnswerPlan) -> AnswerFact {
    let status: Vec<String> = row.status.iter().map(u16::to_string).collect();
    let body = row.body.as_ref().map(body);
    let header = row.header.as_ref().map(|(name, text)| match text {
        Some(text) => format!("the header `{name}` contains `{text}`"),
        None => format!("the header `{name}` is present"),
    });
    let status = (!status.is_empty()).then(|| status.join(", "));
    let when = status.into_iter().chain(header).chain(body).collect::<Vec<_>>().join(" and ");
    AnswerFact {
        when,
        means: row.means.as_str(),
        then: then(row.means),
        message: (!row.message.is_empty()).then(|| either(&row.message)),
        wait: row.retry_after.as_ref().map(|(from, unit)| format!("{}, {}", place(from), in_form(*unit))),
        by_profile: true,
    }
}

fn body(body: &BodyTestPlan) -> String {
    match body {
        BodyTestPlan::Empty(true) => "the body is empty".to_owned(),
        BodyTestPlan::Empty(false) => "the body is not empty".to_owned(),
        BodyTestPlan::Contains(text) => format!("the body contains `{text}`"),
        BodyTestPlan::Is(text) => format!("the body is exactly `{text}`"),
        BodyTestPlan::Text(path, texts) => {
            let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
            format!("{path} contains {}", texts.join(" or "))
        }
        BodyTestPlan::Value(path, values) if values.is_empty() => format!("{path} is present"),
        BodyTestPlan::Value(path, values) => {
            format!("{path} is {}", values.iter().map(scalar).collect::<Vec<_>>().join(" or "))
        }
    }
}

/// Formats a scalar as JSON.
pub(super) fn scalar(value: &Scalar) -> String {
    match value {
        Scalar::Boolean(flag) => flag.to_string(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Text(text) => format!("\"{text}\""),
    }
}

fn then(meaning: Meaning) -> String {
    manual::meaning("Meaning", &word(&meaning))
}

/// Returns the meanings of status codes without a row in the profile; the catch-all is last.
fn defaults() -> impl Iterator<Item = AnswerFact> {
    let of = |wanted: Option<Meaning>| spans((100..=599).filter(|status| meaning_of_status(*status) == wanted));
    let known = [Meaning::Ok, Meaning::Unauthorized, Meaning::Forbidden, Meaning::Throttled, Meaning::Unavailable];
    let by_meaning = known.map(|meaning| default(of(Some(meaning)), meaning.as_str(), then(meaning)));
    let redirect = format!("Followed within the provider's own origin, at most {MAX_REDIRECTS} times.");
    let others = [
        default(of(None), "redirect", redirect),
        default("no response".to_owned(), Meaning::Unavailable.as_str(), then(Meaning::Unavailable)),
        default("anything else".to_owned(), Meaning::Rejected.as_str(), then(Meaning::Rejected)),
    ];
    by_meaning.into_iter().chain(others)
}

fn default(when: String, means: &'static str, then: String) -> AnswerFact {
    AnswerFact { when, means, then, message: None, wait: None, by_profile: false }
}

/// Formats numbers as ranges: `301–303, 307`.
fn spans(numbers: impl Iterator<Item = u16>) -> String {
    let mut spans: Vec<(u16, u16)> = vec![];
    for number in numbers {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => spans.push((number, number)),
        }
    }
    let span = |(first, last): &(u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}–{last}") }
    };
    spans.iter().map(span).collect::<Vec<_>>().join(", ")
}
