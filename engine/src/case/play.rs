//! Plays a case and writes its transcript: the outcome, the requests, the result of each record, and the relationships.

use super::exchange::Exchange;
use super::recorded::Case;
use crate::plan::{Plan, SettingError, Settings, after};
use crate::printable;
use crate::run::{Input, ProviderState, RecordResult, Report, Request, Run, Step, Traced};
use crate::stix::{Bundle, Object, Relationship, Tlp, stix_time};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

/// Maximum duration of a case, on its own clock.
const DEADLINE: SignedDuration = SignedDuration::from_mins(10);

/// Result of a played case: transcript, requests and report.
#[derive(Debug)]
pub struct Played {
    /// The transcript, which is compared with the expected one.
    pub transcript: String,
    /// Whether the requests were the expected ones. If not, the transcript is not meaningful for the profile.
    pub is_as_expected: bool,
    /// The requests that were answered, in the order of the exchanges.
    pub asked: Vec<Asked>,
    /// What the run left.
    pub report: Report,
    /// Indexes of the rules that were applied.
    pub rules: BTreeSet<usize>,
}

/// A request that an exchange answered, whole and as it is shown.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Path and query after the base URL.
    pub target: String,
    /// The body, if it had one.
    pub body: Option<String>,
}

/// What a run of this case is about, by the case's clock.
pub fn input(plan: &Plan, case: &Case) -> Result<Input, Vec<SettingError>> {
    let settings =
        Settings::read(&plan.settings, |spec| spec.names().find_map(|name| case.settings.get(name).cloned()))?;
    Ok(Input {
        observable: case.observable.clone(),
        markings: case.markings.clone(),
        settings,
        deadline: after(case.now, DEADLINE),
        seed: 0,
        trace: true,
    })
}

/// Plays a case without network access and without waiting.
pub fn play(plan: &Plan, case: &Case) -> Result<Played, Vec<SettingError>> {
    let input = input(plan, case)?;
    let base = plan.base_url(&input.settings);
    let mut log = RequestLog { base: base.as_str().trim_end_matches('/'), text: String::new(), is_as_expected: true };
    let (mut expected, mut asked) = (case.exchanges.iter(), vec![]);
    let mut run = Run::new(plan, Arc::new(ProviderState::default()), input, case.now);
    let mut now = case.now;
    loop {
        match run.next(now) {
            Step::Done => break,
            Step::Wait(until) => {
                log.wait(until);
                now = until;
            }
            Step::Send(request) => {
                let target = request.redacted_target(log.base);
                let Some(exchange) = expected.next() else {
                    log.unexpected(&request, None, &["the case expects no more requests".to_owned()]);
                    break;
                };
                let differences = exchange.differences(request.method, &target);
                if !differences.is_empty() {
                    log.unexpected(&request, Some(exchange), &differences);
                    break;
                }
                log.sent(&request, "");
                asked.push(Asked { target, body: request.body.as_ref().map(ToString::to_string) });
                run.accept(exchange.response(), now);
            }
        }
    }
    // After an unexpected request, the remaining exchanges are not meaningful.
    if log.is_as_expected {
        expected.for_each(|exchange| log.not_sent(exchange));
    }
    let report = run.finish();
    let rules = rules(&report.trace);
    let is_as_expected = log.is_as_expected;
    Ok(Played { transcript: transcript(&log.text, &report), is_as_expected, asked, report, rules })
}

fn rules(trace: &[Traced]) -> BTreeSet<usize> {
    let dropped = trace.iter().filter_map(|traced| match traced.result {
        RecordResult::Dropped(_, rule) => rule,
        _ => None,
    });
    dropped.chain(trace.iter().flat_map(|traced| traced.links.iter().map(|link| link.rule))).collect()
}

/// Writes the requests of the transcript.
struct RequestLog<'c> {
    base: &'c str,
    text: String,
    is_as_expected: bool,
}

impl RequestLog<'_> {
    fn sent(&mut self, request: &Request, remark: &str) {
        self.line(&format!("{} {}{remark}", request.method, request.redacted_target(self.base)));
        for (name, value) in &request.headers {
            self.line(&format!("  {}: {value}", name.to_lowercase()));
        }
        if let Some(body) = &request.body {
            self.line(&format!("  {body}"));
        }
        for signature in &request.signatures {
            self.line(&format!("  {signature} {}", signature.expose()));
        }
    }

    /// Writes an unexpected request, the request that was expected instead, and the differences.
    fn unexpected(&mut self, request: &Request, exchange: Option<&Exchange>, differences: &[String]) {
        self.is_as_expected = false;
        self.sent(request, "  — not expected");
        if let Some(exchange) = exchange {
            self.line(&format!("{exchange}  — expected here"));
        }
        differences.iter().for_each(|difference| self.line(&format!("  {difference}")));
    }

    fn not_sent(&mut self, exchange: &Exchange) {
        self.is_as_expected = false;
        self.line(&format!("{}  — expected, not sent", exchange));
    }

    fn wait(&mut self, until: Timestamp) {
        self.line(&format!("wait until {}", stix_time(until)));
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

fn transcript(log: &str, report: &Report) -> String {
    let plural = if report.requests == 1 { "" } else { "s" };
    let mut text = format!("{}\n{} request{plural} · {}\n", report.outcome, report.requests, report.counts);
    section(&mut text, log.lines().map(str::to_owned).collect());
    section(&mut text, report.trace.iter().map(record_line).collect());
    section(&mut text, relationship_lines(&report.bundle));
    if report.bundle.relationships().next().is_some() {
        let author = author(&report.bundle);
        let _ = match levels(&report.bundle).as_slice() {
            [level] => write!(text, "\neverything found {level}, created by {author}\n"),
            levels => {
                let levels: Vec<&str> = levels.iter().map(|level| level.as_str()).collect();
                write!(text, "\nfound at {}, created by {author}\n", levels.join(" and "))
            }
        };
        // One line covers all ids: an object whose id changes becomes a second object on the platform.
        let _ = writeln!(text, "{}", report.bundle.id());
    }
    text
}

/// Returns the markings of the objects in the bundle, lowest first.
fn levels(bundle: &Bundle) -> Vec<Tlp> {
    let of = |object: Object| match object {
        Object::Relationship(relationship) => Some(relationship.tlp),
        Object::Observable { tlp, created_by: Some(_), .. } => tlp,
        _ => None,
    };
    let levels: BTreeSet<Tlp> = bundle.objects().filter_map(of).collect();
    levels.into_iter().collect()
}

fn section(text: &mut String, lines: Vec<String>) {
    if !lines.is_empty() {
        text.push('\n');
        lines.iter().for_each(|line| {
            // Transcripts contain data of the provider and are displayed.
            text.push_str(&printable::line(line));
            text.push('\n');
        });
    }
}

fn record_line(traced: &Traced) -> String {
    let place = if traced.page > 1 { format!("page {} {}", traced.page, traced.place) } else { traced.place.clone() };
    let record = traced.record.as_ref();
    let record =
        record.map(|record| format!("  {} {} {}", record.rrname, record.rrtype, record.rdata)).unwrap_or_default();
    let result = match &traced.result {
        RecordResult::Mapped => {
            let rules: BTreeSet<String> = traced.links.iter().map(|link| format!("rules[{}]", link.rule)).collect();
            format!("mapped by {}", rules.into_iter().collect::<Vec<_>>().join(" and "))
        }
        RecordResult::Dropped(reason, Some(rule)) => format!("dropped by rules[{rule}]: {reason}"),
        RecordResult::Dropped(reason, None) => format!("dropped: {reason}"),
        RecordResult::Bad(reason) => format!("bad: {reason}"),
        RecordResult::Outside => "outside the window".to_owned(),
    };
    format!("{place}{record}  {result}")
}

fn relationship_lines(bundle: &Bundle) -> Vec<String> {
    let is_mixed = levels(bundle).len() > 1;
    let mark = |relationship: &Relationship| if is_mixed { format!("  {}", relationship.tlp) } else { String::new() };
    let line = |one: Relationship| format!("{}{}", relationship_line(bundle, &one), mark(&one));
    let mut lines: Vec<String> = bundle.relationships().map(line).collect();
    lines.sort();
    lines
}

fn relationship_line(bundle: &Bundle, relationship: &Relationship) -> String {
    let end = |id| bundle.observable(id).map_or_else(|| format!("{id}"), |observable| observable.to_string());
    let time = |time: Option<Timestamp>| time.map_or_else(|| "?".to_owned(), stix_time);
    let descriptions: Vec<&str> = relationship.descriptions.iter().map(AsRef::as_ref).collect();
    format!(
        "{}  {}  {}  {} … {}  “{}”",
        end(relationship.source),
        relationship.relationship_type,
        end(relationship.target),
        time(relationship.start_time),
        time(relationship.stop_time),
        descriptions.join(", "),
    )
}

fn author(bundle: &Bundle) -> String {
    let author = bundle.objects().find_map(|object| match object {
        Object::Identity(identity) => Some(identity.name().to_owned()),
        _ => None,
    });
    author.unwrap_or_default()
}
