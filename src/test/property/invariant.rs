//! What holds for every run, whatever a provider answers: one row for each, with its name, what it says, and its check.

use super::play::{Played, Stage};
use super::reading::{by_id, difference, objects, references};
use super::scene::Scene;
use super::{derive, written};
use crate::explain::most_requests;
use stixmap_engine::case::{self, Case};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{SettingValue, Settings, ValueOrSetting};
use stixmap_engine::profile::Unmarked;
use stixmap_engine::run::{Fate, OutcomeKind, Report};
use stixmap_engine::stix::{Kind, Marking, Object, Repeats, Tlp, is_permitted};

/// An invariant.
pub(super) struct Property {
    pub(super) name: &'static str,
    /// What holds, in a sentence.
    pub(super) holds: &'static str,
    pub(super) check: fn(&Take) -> Result<(), String>,
}

/// A scene and what came of it.
pub(super) struct Take<'t> {
    pub(super) stage: &'t Stage<'t>,
    pub(super) scene: &'t Scene,
    pub(super) played: &'t Result<Played, String>,
}

/// All of them.
pub(super) const PROPERTIES: [Property; 16] = [
    Property { name: "no-panic", holds: "the program does not panic, and the run ends", check: no_panic },
    Property { name: "deterministic", holds: "the same answers give the same bytes", check: deterministic },
    Property { name: "order-free", holds: "rows of a page in another order give the same bundle", check: order_free },
    Property { name: "idempotent", holds: "rows that stand there twice say what they say once", check: idempotent },
    Property { name: "closed", holds: "every reference is in the bundle, and what was asked about", check: closed },
    Property { name: "permitted", holds: "OpenCTI permits every relationship", check: permitted },
    Property { name: "accounted", holds: "every record is counted once, as what it became", check: accounted },
    Property { name: "tlp-never-lowered", holds: "no result is marked below what was asked about", check: marked },
    Property { name: "gate", holds: "above the highest level that may be sent nothing is", check: gate },
    Property { name: "no-secret", holds: "no secret is shown, though answers repeat it", check: no_secret },
    Property { name: "bounded", holds: "there are no more requests than `explain` says", check: bounded },
    Property { name: "ids", holds: "ids are those of a second derivation", check: ids },
    Property { name: "times", holds: "a relationship ends after it starts", check: times },
    Property {
        name: "believed",
        holds: "what is `ok` was read: a failure is never told as nothing found",
        check: believed,
    },
    Property {
        name: "read-back",
        holds: "written in the Common Output Format and mapped again, records become the same",
        check: written::read_back,
    },
    Property { name: "replayed", holds: "written as a case, a run comes out the same", check: replayed },
];

fn no_panic(take: &Take) -> Result<(), String> {
    take.played.as_ref().map(|_| ()).map_err(|panic| format!("it panics: {panic}"))
}

/// What came of it, unless it panicked, which is told by itself.
fn played<'t>(take: &'t Take) -> Option<&'t Played> {
    take.played.as_ref().ok()
}

/// Everything of a report that is not its bundle or its trace.
fn rest(report: &Report) -> String {
    let Report { outcome, counts, requests, diagnostics, .. } = report;
    format!("{outcome:?} {counts:?} {requests} {diagnostics:?}")
}

fn deterministic(take: &Take) -> Result<(), String> {
    let (Some(one), Ok(other)) = (played(take), take.stage.play(take.scene)) else { return Ok(()) };
    let same = one.written == other.written
        && one.exchanges == other.exchanges
        && one.shown == other.shown
        && one.report.trace == other.report.trace
        && rest(&one.report) == rest(&other.report);
    ensure(same, || "played twice, it came out otherwise".to_owned())
}

fn order_free(take: &Take) -> Result<(), String> {
    let Ok(one) = take.stage.play(&take.scene.whole()) else { return Ok(()) };
    let turned = [
        take.scene.with_rows(|rows| rows.reverse()),
        take.scene.with_rows(|rows| {
            let by = rows.len() / 2;
            rows.rotate_left(by);
        }),
    ];
    for scene in turned {
        let Ok(other) = take.stage.play(&scene) else { continue };
        ensure(one.bundle == other.bundle, || difference("in another order", &one.bundle, &other.bundle))?;
    }
    Ok(())
}

fn idempotent(take: &Take) -> Result<(), String> {
    if take.stage.plan.relationship.policy.repeats != Repeats::Widen {
        return Ok(());
    }
    let Ok(one) = take.stage.play(&take.scene.whole()) else { return Ok(()) };
    let doubled = take.scene.with_rows(|rows| *rows = rows.iter().chain(rows.iter()).cloned().collect());
    let Ok(other) = take.stage.play(&doubled) else { return Ok(()) };
    // More rows may make a provider that is asked by offset give other pages: that is another answer.
    let is_comparable = one.exchanges.iter().map(|e| &e.request).eq(other.exchanges.iter().map(|e| &e.request));
    ensure(!is_comparable || one.bundle == other.bundle, || difference("twice", &one.bundle, &other.bundle))
}

fn closed(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let by_id = by_id(&played.bundle);
    ensure(by_id.len() == objects(&played.bundle).count(), || "an object stands there twice".to_owned())?;
    let asked = played.setting.observable.id().to_string();
    ensure(by_id.contains_key(asked.as_str()), || format!("what was asked about, {asked}, is not in the bundle"))?;
    for object in objects(&played.bundle) {
        if let Some(missing) = references(object).into_iter().find(|id| !by_id.contains_key(id)) {
            return Err(format!("{missing} is not in the bundle, and {object} refers to it"));
        }
    }
    Ok(())
}

fn permitted(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let by_id = by_id(&played.bundle);
    for object in objects(&played.bundle).filter(|object| object["type"] == "relationship") {
        let end = |key: &str| Kind::parse(by_id.get(object[key].as_str()?)?["type"].as_str()?);
        let word = serde_json::from_value(object["relationship_type"].clone()).ok();
        let ends = (end("source_ref"), word, end("target_ref"));
        let (Some(source), Some(word), Some(target)) = ends else { return Err(format!("no ends: {object}")) };
        ensure(is_permitted(source, word, target), || format!("OpenCTI has no such relationship: {object}"))?;
        ensure(object["source_ref"] != object["target_ref"], || format!("it relates to itself: {object}"))?;
    }
    Ok(())
}

fn accounted(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let (counts, trace) = (&played.report.counts, &played.report.trace);
    ensure(counts.add_up(), || format!("they do not add up: {counts}"))?;
    ensure(trace.len() as u64 == counts.read, || format!("{} were traced of {counts}", trace.len()))?;
    let count = |is: fn(&Fate) -> bool| trace.iter().filter(|traced| is(&traced.fate)).count() as u64;
    let told = [
        count(|fate| matches!(fate, Fate::Mapped)),
        count(|fate| matches!(fate, Fate::Dropped(..))),
        count(|fate| matches!(fate, Fate::Bad(_))),
        count(|fate| matches!(fate, Fate::Outside)),
    ];
    let counted = [counts.mapped, counts.dropped(), counts.bad(), counts.outside_window];
    ensure(told == counted, || format!("counted {counted:?}, traced {told:?}"))?;
    let is_linked = trace.iter().all(|traced| matches!(traced.fate, Fate::Mapped) != traced.links.is_empty());
    ensure(is_linked, || "a record is mapped and became nothing, or the reverse".to_owned())
}

fn marked(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let asked = asked_level(played);
    let least = asked.unwrap_or(Tlp::Clear).max(level(&take.stage.plan.tlp.at_least, &played.settings));
    for object in played.report.bundle.objects() {
        let id = object.id();
        let tlp = match object {
            Object::Relationship(relationship) => Some(relationship.tlp),
            Object::Observable { tlp, created_by: Some(_), .. } => tlp,
            Object::Observable { tlp, .. } => {
                ensure(tlp == asked, || format!("what was asked about is marked otherwise: {tlp:?}"))?;
                continue;
            }
            Object::Marking(_) | Object::Identity(_) => continue,
        };
        ensure(tlp.is_some_and(|tlp| tlp >= least), || format!("{id} is {tlp:?}, below {least}"))?;
    }
    Ok(())
}

fn gate(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let (plan, sent) = (take.stage.plan, played.exchanges.len());
    let is_unknown = played.setting.tlp.iter().any(|text| matches!(Marking::tlp(text), Marking::UnknownTlp(_)));
    let may = match asked_level(played) {
        _ if is_unknown => false,
        None => plan.tlp.unmarked != Unmarked::Refuse,
        Some(asked) => asked <= level(&plan.tlp.max, &played.settings),
    };
    let kind = played.report.outcome.kind;
    ensure(may == (kind != OutcomeKind::Refused), || format!("it may be sent: {may}, and it is {}", kind.as_str()))?;
    ensure(may == (sent > 0), || format!("it may be sent: {may}, and there were {sent} requests"))
}

fn no_secret(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let report = &played.report;
    let places = [
        ("the bundle", played.written.clone()),
        ("the trace", format!("{:?}", report.trace)),
        ("the outcome", format!("{} {:?}", report.outcome, report.counts)),
        ("a diagnostic", format!("{:?}", report.diagnostics)),
        ("a request that is shown", played.shown.clone()),
    ];
    let token = ("token".to_owned(), super::TOKEN.to_owned());
    for (name, secret) in take.stage.secrets.iter().chain(take.stage.plan.token().is_some().then_some(&token)) {
        for (place, text) in &places {
            ensure(!text.contains(secret.as_str()), || format!("{place} holds the value of `{name}`"))?;
        }
    }
    Ok(())
}

fn bounded(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let (sent, most) =
        (played.exchanges.len() as u64, most_requests(take.stage.plan, played.setting.observable.kind()));
    ensure(sent <= most, || format!("{sent} requests, and `stixmap explain` says {most} at most"))?;
    ensure(sent == played.report.requests, || format!("{sent} requests, {} counted", played.report.requests))
}

fn ids(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let has_start = take.stage.plan.relationship.policy.start_in_id;
    for object in objects(&played.bundle) {
        let Some(derived) = derive::id(object, has_start) else { continue };
        ensure(object["id"] == derived.as_str(), || format!("{derived} is derived from {object}"))?;
    }
    Ok(())
}

fn times(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    for object in objects(&played.bundle) {
        let time = |key: &str| object[key].as_str().map(str::parse::<jiff::Timestamp>);
        match (time("start_time"), time("stop_time")) {
            (Some(Ok(start)), Some(Ok(stop))) => ensure(stop > start, || format!("it ends before: {object}"))?,
            (Some(Err(_)), _) | (_, Some(Err(_))) => return Err(format!("no instant: {object}")),
            _ => {}
        }
    }
    Ok(())
}

fn believed(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let report = &played.report;
    let kind = report.outcome.kind;
    let is_told = !report.outcome.reasons.is_empty();
    let needs_reason = !matches!(kind, OutcomeKind::Ok | OutcomeKind::Empty);
    ensure(is_told || !needs_reason, || format!("it is {} and nobody says why", kind.as_str()))?;
    let relationships = report.bundle.relationships().count();
    let is_silent = matches!(kind, OutcomeKind::Empty | OutcomeKind::Refused);
    ensure(!is_silent || relationships == 0, || format!("it is {} with {relationships} relationships", kind.as_str()))
}

fn replayed(take: &Take) -> Result<(), String> {
    let Some(one) = played(take) else { return Ok(()) };
    // A redirect may lead to the base URL itself, which no case can name.
    let can_be_named = |target: &str| target.starts_with('/') || target.starts_with("https://");
    let mut targets = one.exchanges.iter().filter_map(|exchange| exchange.request.split_once(' '));
    if !targets.all(|(_, target)| can_be_named(target)) {
        return Ok(());
    }
    let text = one.case("a run").text().map_err(|error| error.to_string())?;
    let source = Source::new("case.yaml", text.as_str());
    let case = Case::read(&source, |_| Err(String::new())).map_err(|mistakes| {
        format!("it is no case: {}", mistakes.iter().map(ToString::to_string).collect::<String>())
    })?;
    let Ok(other) = case::play(take.stage.plan, &case) else { return Err("the case lacks settings".to_owned()) };
    let is_same = serde_json::to_string(&other.report.bundle).is_ok_and(|bundle| bundle == one.written);
    ensure(is_same && other.report.outcome == one.report.outcome, || {
        format!("it is {}, and as a case {}", one.report.outcome, other.report.outcome)
    })
}

pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn asked_level(played: &Played) -> Option<Tlp> {
    played.setting.tlp.iter().filter_map(|text| Tlp::parse(text)).max()
}

fn level(value: &ValueOrSetting<Tlp>, settings: &Settings) -> Tlp {
    match value {
        ValueOrSetting::Value(tlp) => *tlp,
        ValueOrSetting::Setting(name) => match settings.value(name) {
            Some(SettingValue::Tlp(tlp)) => *tlp,
            _ => Tlp::Red,
        },
    }
}
