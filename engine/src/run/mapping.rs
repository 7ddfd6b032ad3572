//! Maps records to relationships by the rules of the profile, and accounts for each row.

use super::host::{have_same_address, scope_of};
use super::interrupt::Watch;
use super::marking_gate::Levels;
use super::reader::Reader;
use super::record::{BadRow, Record, Records, Typed, fields, rrtype_text};
use super::row::Row;
use super::secret::{self, Secrets};
use super::trace::{EXCLUDED, Ledger, RecordResult, Traced, TracedRelationship};
use crate::dns::{Name, Rdata, RrType, Scope, scope};
use crate::plan::{Plan, Prose, RuleThen, possible_targets, push_value, sources, targets};
use crate::profile::{OtherNames, Side, TimeField};
use crate::stix::{Graph, Observable, ObservableType, RelationshipReport, Seen};
use hashbrown::HashMap;
use jiff::Timestamp;
use minijinja::value::Value as Text;
use std::borrow::Cow;
use std::sync::Arc;

/// Cache of rendered descriptions by their inputs: most profiles repeat a few texts for many records.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// By template number.
    known: HashMap<usize, ParsedText>,
    /// Key of the text being rendered.
    key: String,
}

/// Rendered texts of one template.
#[derive(Debug, Default)]
struct ParsedText {
    /// By the values that were inserted.
    texts: HashMap<Box<str>, Arc<str>>,
    /// Number of cache hits.
    found: usize,
    /// Number of cache misses.
    rendered: usize,
}

/// Maximum number of cached texts per template.
const MAX_TEXTS: usize = 4096;

/// Everything that is necessary to read and map the rows of a page.
pub(super) struct Context<'r> {
    pub(super) plan: &'r Plan,
    pub(super) reader: &'r Reader<'r>,
    /// Secrets that occur in the response.
    pub(super) secrets: &'r Secrets,
    /// Secrets that may occur in parsed values.
    pub(super) all_secrets: &'r Secrets,
    pub(super) asked: &'r Observable,
    /// The observable as an owner name, if it is a name: most records have it.
    pub(super) asked_name: Option<&'r Name>,
    /// Minimum marking of results, and marking of unmarked records.
    pub(super) levels: Levels,
    /// Scopes of addresses that are dropped.
    pub(super) drop_addresses: Cow<'r, [Scope]>,
    pub(super) lookup: &'r str,
    pub(super) page: u32,
    pub(super) filter_start: Option<Timestamp>,
    /// Whether values are recorded for the trace.
    pub(super) keeps_values: bool,
    pub(super) watch: &'r Watch<'r>,
}

/// A bad record and its location in the response.
pub(super) struct BadRecordLocation {
    pub(super) shown: String,
    pub(super) pointer: Option<String>,
    pub(super) line: Option<usize>,
    pub(super) bad: BadRow,
}

/// Maps a row and accounts for each of its records. Returns the location of the first bad record of its kind.
pub(super) fn row(
    context: &Context,
    row: &Row,
    texts: &mut Texts,
    graph: &mut Graph,
    ledger: &mut Ledger,
) -> Option<BadRecordLocation> {
    let mut bad = None;
    outcomes(context, row, texts, graph, &mut |outcome| {
        let Outcome { record, values, result, links } = outcome;
        if let RecordResult::Bad(reason) = &result
            && ledger.is_first(values.field)
        {
            bad = Some(BadRecordLocation {
                shown: context.secrets.location(row),
                pointer: row.location.pointer(),
                line: row.location.line,
                bad: BadRow { reason: reason.clone(), field: values.field },
            });
        }
        ledger.account(result, |result| Traced {
            lookup: context.lookup.to_owned(),
            page: context.page,
            place: context.secrets.location(row),
            values: values.shown,
            record: record.map(|record| *record),
            result,
            links,
        });
    });
    bad
}

/// Passes the result of each record of a row to the sink.
fn outcomes(context: &Context, row: &Row, texts: &mut Texts, graph: &mut Graph, sink: &mut dyn FnMut(Outcome)) {
    if row.is_excluded {
        return sink(Outcome::dropped(EXCLUDED));
    }
    let slots = match &row.slots {
        Ok(slots) => *slots,
        Err(reason) => return sink(Outcome::bad(reason.clone().into())),
    };
    if !context.reader.is_accepted(slots) {
        return sink(Outcome::dropped(EXCLUDED));
    }
    if context.secrets.occur_in_row(slots, &context.reader.fields) {
        return sink(Outcome::bad(secret::CONTAINS_SECRET.to_owned().into()));
    }
    let fields = match fields(&context.plan.record, &context.reader.fields, slots, context.asked) {
        Ok(fields) => fields,
        Err(bad) => return sink(Outcome::bad(bad)),
    };
    let records = match Records::of(&context.plan.record, &fields, context.asked, context.asked_name) {
        Ok(records) => records,
        Err(reason) => return sink(Outcome::bad(reason.into())),
    };
    let mut has_records = false;
    for record in records.each() {
        if has_records && context.watch.is_over() {
            return sink(Outcome::bad("not all data of the row was read before the deadline".to_owned().into()));
        }
        has_records = true;
        let outcome = match record {
            Ok(record) if context.all_secrets.occur_in_record(&record, &fields, slots) => {
                Outcome::bad(secret::CONTAINS_SECRET.to_owned().into())
            }
            Ok(record) => map(context, record, &fields, texts, graph),
            Err(reason) => Outcome::bad(reason.into()),
        };
        let is_hidden = matches!(&outcome.result, RecordResult::Bad(reason) if reason == secret::CONTAINS_SECRET);
        let shown = if context.keeps_values && !is_hidden { shown(context.plan, &fields) } else { vec![] };
        sink(Outcome { values: Values { shown, ..outcome.values }, ..outcome });
    }
    if !has_records {
        sink(Outcome::dropped("no rdata in the row"));
    }
}

/// Returns names and values of the fields for display.
fn shown(plan: &Plan, fields: &[Typed]) -> Vec<(String, String)> {
    let named = plan.record.fields.iter().zip(fields);
    named.map(|(field, value)| (field.name.clone(), value.as_text().to_string())).collect()
}

/// The result of a record, and its values.
struct Outcome {
    /// Kept only for the trace.
    record: Option<Box<Record>>,
    values: Values,
    result: RecordResult,
    links: Vec<TracedRelationship>,
}

#[derive(Default)]
struct Values {
    shown: Vec<(String, String)>,
    /// The field that makes the record bad.
    field: Option<usize>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self { record: None, values: Values::default(), result: RecordResult::Mapped, links: vec![] }
    }
}

impl Outcome {
    fn dropped(reason: &str) -> Self {
        Self { result: RecordResult::Dropped(reason.into(), None), ..Self::default() }
    }

    fn bad(bad: BadRow) -> Self {
        Self {
            values: Values { shown: vec![], field: bad.field },
            result: RecordResult::Bad(bad.reason),
            ..Self::default()
        }
    }
}

fn map(context: &Context, record: Record, fields: &[Typed], texts: &mut Texts, graph: &mut Graph) -> Outcome {
    let mut links = vec![];
    let result = result(context, &record, fields, texts, graph, &mut links);
    let record = context.keeps_values.then(|| Box::new(record));
    Outcome { record, values: Values::default(), result, links }
}

fn result(
    context: &Context,
    record: &Record,
    fields: &[Typed],
    texts: &mut Texts,
    graph: &mut Graph,
    links: &mut Vec<TracedRelationship>,
) -> RecordResult {
    if is_outside(context, record) {
        return RecordResult::Outside;
    }
    if let Some(scope) = dropped_scope(context, record) {
        return RecordResult::Dropped(format!("{scope} address"), None);
    }
    let sources = prefer_asked(context.asked, sources(&record.rrname, record.rrtype));
    let (sources, targets) = (with_hostname(context, sources), with_hostname(context, targets(&record.rdata)));
    let additional = additional(context, fields, &sources, &targets);
    if additional.iter().any(|(_, _, other)| context.all_secrets.are_legible_in(other.value())) {
        return RecordResult::Bad(secret::CONTAINS_SECRET.to_owned());
    }
    let others = additional.iter().map(|(_, _, other)| other);
    if let Some(scope) = sources.iter().chain(&targets).chain(others).find_map(|found| dropped_scope_of(context, found))
    {
        return RecordResult::Dropped(format!("{scope} address"), None);
    }
    let is_about = |side: &[Observable]| side.iter().any(|observable| observable.is_same(context.asked));
    if context.plan.record.other_names == OtherNames::Drop && !is_about(&sources) && !is_about(&targets) {
        return RecordResult::Dropped("record of another name".into(), None);
    }
    if sources.is_empty() {
        return RecordResult::Dropped("owner name is not a single domain name".into(), None);
    }
    if targets.is_empty() && !possible_targets(record.rrtype.form()).is_empty() {
        let is_mapped = matches!(record.rdata, Rdata::Address(_));
        let reason = if is_mapped { "IPv4-mapped address" } else { "rdata is not an observable" };
        return RecordResult::Dropped(reason.into(), None);
    }
    let (mut drop, mut is_linked) = (None, false);
    // Rdata without an observable is still matched, since a rule may state why it is dropped.
    let no_target = targets.is_empty().then_some(None);
    for target in targets.iter().map(Some).chain(no_target) {
        match apply(context, record, fields, &sources, target, texts, graph) {
            Ok(Applied::Linked(link)) => {
                is_linked = true;
                links.extend(link);
            }
            Ok(Applied::Dropped(reason, rule)) => drop = drop.or(Some(RecordResult::Dropped(reason, rule))),
            Err(reason) => return RecordResult::Bad(reason),
        }
    }
    match is_linked {
        true => {
            relate_additional(context, record, fields, &additional, texts, graph);
            RecordResult::Mapped
        }
        false => drop.expect("each target is linked or dropped"),
    }
}

/// Returns the scope for which a record is dropped, unless its address is the observable.
fn dropped_scope(context: &Context, record: &Record) -> Option<Scope> {
    let address = match (&record.rdata, record.rrtype) {
        (Rdata::Address(address), _) => *address,
        (_, RrType::PTR) => record.rrname.reverse_address()?,
        _ => return None,
    };
    let is_asked = || have_same_address(&Observable::of_address(address), context.asked);
    let scope = scope(address);
    (context.drop_addresses.contains(&scope) && !is_asked()).then_some(scope)
}

/// Returns the scope for which a record with this observable is dropped, unless it is the queried observable.
fn dropped_scope_of(context: &Context, found: &Observable) -> Option<Scope> {
    let scope = scope_of(found).filter(|scope| context.drop_addresses.contains(scope))?;
    let is_asked = found.is_same(context.asked)
        || found.as_hostname().is_same(context.asked)
        || have_same_address(found, context.asked);
    (!is_asked).then_some(scope)
}

/// If the observable is among the candidates (a reverse name also represents its address), keeps only the observable.
fn prefer_asked(asked: &Observable, mut owner: Vec<Observable>) -> Vec<Observable> {
    if owner.iter().any(|observable| observable.is_same(asked)) {
        owner.retain(|observable| observable.is_same(asked));
    }
    owner
}

/// For a hostname observable, prefers the hostname to the domain name of the same value.
fn with_hostname(context: &Context, mut side: Vec<Observable>) -> Vec<Observable> {
    let is_asked = |found: &Observable| found.as_hostname().is_same(context.asked);
    if context.asked.kind() == ObservableType::Hostname && side.iter().any(is_asked) {
        side.insert(0, context.asked.clone());
    }
    side
}

/// An additional relationship: its index in the profile, its source and its target.
type Additional<'o> = (usize, &'o Observable, Observable);

/// Returns the additional relationships of a record. Values that are not of the target type are ignored.
fn additional<'o>(
    context: &Context,
    fields: &[Typed],
    sources: &'o [Observable],
    targets: &'o [Observable],
) -> Vec<Additional<'o>> {
    let rows = context.plan.also_relate.iter().enumerate();
    let read = rows.filter_map(|(index, row)| {
        let side = if row.of == Side::Rrname { sources } else { targets };
        let source = side.iter().find(|found| found.kind() == row.source)?;
        let text = fields[row.field].as_text();
        let other = text.as_str().and_then(|text| Observable::parse(row.target, text).ok()).or_else(|| {
            let number = i64::try_from(text.clone()).ok()?;
            Observable::parse(row.target, &number.to_string()).ok()
        });
        Some((index, source, other?))
    });
    read.collect()
}

/// Adds the additional relationships of a mapped record.
fn relate_additional(
    context: &Context,
    record: &Record,
    fields: &[Typed],
    additional: &[Additional],
    texts: &mut Texts,
    graph: &mut Graph,
) {
    for (index, source, other) in additional {
        let row = &context.plan.also_relate[*index];
        let value_of = |name: &str| value_of(context, record, fields, name);
        let which = usize::MAX - 1 - index;
        let Ok(description) = texts.render(which, row.description.as_ref(), value_of) else { continue };
        let report =
            RelationshipReport { seen: Seen::default(), tlp: context.levels.of(record.tlp), rrtype: None, description };
        graph.relate(source, row.relationship, other, report);
    }
}

fn is_outside(context: &Context, record: &Record) -> bool {
    let time = match context.plan.window.as_ref().and_then(|window| window.filter) {
        Some(TimeField::TimeFirst) => record.seen.first,
        Some(TimeField::TimeLast) => record.seen.last,
        None => None,
    };
    time.zip(context.filter_start).is_some_and(|(time, start)| time < start)
}

enum Applied {
    /// With the relationship, if a trace is recorded.
    Linked(Option<TracedRelationship>),
    Dropped(String, Option<usize>),
}

/// Applies the first matching rule.
fn apply(
    context: &Context,
    record: &Record,
    fields: &[Typed],
    sources: &[Observable],
    target: Option<&Observable>,
    texts: &mut Texts,
    graph: &mut Graph,
) -> Result<Applied, String> {
    let plan = context.plan;
    let value_of = |name: &str| value_of(context, record, fields, name);
    for (index, rule) in plan.rules.of(record.rrtype) {
        let ends = match &rule.then {
            RuleThen::Drop(_) => None,
            RuleThen::Relate { source, target: kind, .. } => {
                let source = sources.iter().find(|observable| observable.kind() == *source);
                let Some(ends) = source.zip(target.filter(|observable| observable.kind() == *kind)) else { continue };
                Some(ends)
            }
        };
        if let Some(when) = &rule.when
            && !when.holds(value_of).map_err(|reason| format!("failed to evaluate `{}`: {reason}", when.text()))?
        {
            continue;
        }
        return match (&rule.then, ends) {
            (RuleThen::Relate { relationship, description, .. }, Some((source, target))) => {
                let prose = description.as_deref().or(plan.relationship.description.as_ref());
                let which = description.as_ref().map_or(usize::MAX, |_| index);
                let text = texts.render(which, prose, value_of)?;
                let seen = seen(plan, record);
                let link = || TracedRelationship {
                    source: source.clone(),
                    relationship: *relationship,
                    target: target.clone(),
                    seen,
                    rule: index,
                    line: rule.line,
                };
                let report = RelationshipReport {
                    seen,
                    tlp: context.levels.of(record.tlp),
                    rrtype: Some(record.rrtype),
                    description: text,
                };
                match graph.relate(source, *relationship, target, report) {
                    true => Ok(Applied::Linked(context.keeps_values.then(link))),
                    false => Ok(Applied::Dropped("relationship to itself".into(), Some(index))),
                }
            }
            (RuleThen::Drop(reason), _) => Ok(Applied::Dropped(reason.clone(), Some(index))),
            (RuleThen::Relate { .. }, None) => unreachable!("rules without source or target are skipped"),
        };
    }
    unreachable!("the last rule matches everything")
}

/// Returns the start and stop time of a record's relationships.
fn seen(plan: &Plan, record: &Record) -> Seen {
    let time = |field: Option<TimeField>| match field? {
        TimeField::TimeFirst => record.seen.first,
        TimeField::TimeLast => record.seen.last,
    };
    Seen { first: time(plan.relationship.start_time), last: time(plan.relationship.stop_time) }
}

/// Returns a variable of conditions and texts: observable, rrname, rdata, rrtype, or a field.
fn value_of(context: &Context, record: &Record, fields: &[Typed], name: &str) -> Text {
    let plan = context.plan;
    match name {
        "observable" => Text::from(context.asked.value()),
        "rrname" => Text::from(record.rrname.as_str()),
        "rdata" => Text::from(record.rdata.to_string()),
        "rrtype" => rrtype_text(record.rrtype),
        _ => match plan.record.fields.iter().position(|field| field.name == name) {
            Some(index) => fields[index].as_text(),
            None => Text::from(()),
        },
    }
}

impl Texts {
    fn render(
        &mut self,
        which: usize,
        prose: Option<&Prose>,
        value_of: impl Fn(&str) -> Text,
    ) -> Result<Arc<str>, String> {
        let Some(prose) = prose else { return Ok(Arc::default()) };
        let render = || prose.render(&value_of).map_err(|reason| format!("failed to render the description: {reason}"));
        let known = self.known.entry(which).or_default();
        if !known.is_effective() {
            return Ok(render()?.into());
        }
        self.key.clear();
        for name in prose.reads() {
            self.key.push('\0');
            push_value(&mut self.key, &value_of(name));
        }
        if let Some(text) = known.texts.get(self.key.as_str()) {
            known.found += 1;
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> = render()?.into();
        known.rendered += 1;
        if known.texts.len() < MAX_TEXTS {
            known.texts.insert(self.key.as_str().into(), Arc::clone(&text));
        }
        Ok(text)
    }
}

impl ParsedText {
    /// Stops looking up a template whose texts rarely repeat.
    fn is_effective(&self) -> bool {
        self.rendered < MAX_TEXTS || self.found > self.rendered
    }
}
