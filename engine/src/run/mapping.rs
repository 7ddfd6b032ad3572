//! A record becomes relationships, by the rules; and each row is accounted for.

use super::marking_gate::Levels;
use super::record::{BadRow, Record, Records, Typed, fields, rrtype_text};
use super::rows::{Reader, Row};
use super::secret::{self, Secrets};
use super::trace::{Fate, LEFT_OUT, Ledger, Link, Traced};
use crate::dns::{Name, Rdata, RrType, Scope, scope};
use crate::plan::{Plan, Prose, RuleThen, possible_targets, push_value, sources, targets};
use crate::profile::{OtherNames, Side, TimeField};
use crate::stix::{Graph, Kind, Observable, Report, Seen};
use hashbrown::HashMap;
use jiff::Timestamp;
use minijinja::value::Value as Text;
use std::sync::Arc;

/// Texts that were rendered are kept by what went into them: most profiles say a few things a million times.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// By the number of the text.
    known: HashMap<usize, ParsedText>,
    /// What goes into the text at hand.
    key: String,
}

/// What one text became.
#[derive(Debug, Default)]
struct ParsedText {
    /// By what went into it.
    texts: HashMap<Box<str>, Arc<str>>,
    /// How often it was there.
    found: usize,
    /// How often it was not.
    rendered: usize,
}

/// How many texts are kept at most, of each that a profile has.
const MAX_TEXTS: usize = 4096;

/// What a row's records are read and mapped with.
pub(super) struct Context<'r> {
    pub(super) plan: &'r Plan,
    pub(super) reader: &'r Reader<'r>,
    /// Secrets that the answer repeats.
    pub(super) secrets: &'r Secrets,
    pub(super) asked: &'r Observable,
    /// The same as an owner, if it is a name: most records are its own.
    pub(super) asked_name: Option<&'r Name>,
    /// How results are marked at least, and records that say nothing of themselves.
    pub(super) levels: Levels,
    /// Scopes of addresses that are no results.
    pub(super) drop_addresses: &'r [Scope],
    pub(super) lookup: &'r str,
    pub(super) page: u32,
    pub(super) filter_start: Option<Timestamp>,
    /// Whether the values that were read are kept for the trace.
    pub(super) keeps_values: bool,
}

/// A row that could not be read, and where it stands.
pub(super) struct BadPlace {
    pub(super) shown: String,
    pub(super) pointer: Option<String>,
    pub(super) line: Option<usize>,
    pub(super) bad: BadRow,
}

/// Maps a row, and writes down what became of each of its records. Gives the first row of each kind of mistake.
pub(super) fn row(
    context: &Context,
    row: &Row,
    texts: &mut Texts,
    graph: &mut Graph,
    ledger: &mut Ledger,
) -> Option<BadPlace> {
    let mut told = None;
    outcomes(context, row, texts, graph, &mut |outcome| {
        let Outcome { record, values, fate, links } = outcome;
        if let Fate::Bad(reason) = &fate
            && ledger.is_news(values.field)
        {
            told = Some(BadPlace {
                shown: context.secrets.place(row),
                pointer: row.place.pointer(),
                line: row.place.line,
                bad: BadRow { reason: reason.clone(), field: values.field },
            });
        }
        ledger.note(fate, |fate| Traced {
            lookup: context.lookup.to_owned(),
            page: context.page,
            place: context.secrets.place(row),
            values: values.shown,
            record: record.map(|record| *record),
            fate,
            links,
        });
    });
    told
}

/// Hands on what became of each record of a row.
fn outcomes(context: &Context, row: &Row, texts: &mut Texts, graph: &mut Graph, sink: &mut dyn FnMut(Outcome)) {
    if row.is_left_out {
        return sink(Outcome::dropped(LEFT_OUT));
    }
    let slots = match &row.slots {
        Ok(slots) => *slots,
        Err(reason) => return sink(Outcome::bad(reason.clone().into())),
    };
    if !context.reader.is_record(slots) {
        return sink(Outcome::dropped(LEFT_OUT));
    }
    if context.secrets.are_in_row(slots, &context.reader.fields) {
        return sink(Outcome::bad(secret::REPEATED.to_owned().into()));
    }
    let fields = match fields(&context.plan.record, &context.reader.fields, slots, context.asked) {
        Ok(fields) => fields,
        Err(bad) => return sink(Outcome::bad(bad)),
    };
    let records = match Records::of(&context.plan.record, &fields, context.asked, context.asked_name) {
        Ok(records) => records,
        Err(reason) => return sink(Outcome::bad(reason.into())),
    };
    let mut holds_data = false;
    for record in records.each() {
        holds_data = true;
        let outcome = match record {
            Ok(record) => map(context, record, &fields, texts, graph),
            Err(reason) => Outcome::bad(reason.into()),
        };
        let shown = if context.keeps_values { shown(context.plan, &fields) } else { vec![] };
        sink(Outcome { values: Values { shown, ..outcome.values }, ..outcome });
    }
    if !holds_data {
        sink(Outcome::dropped("the row holds no data"));
    }
}

/// The fields as they were read, for people.
fn shown(plan: &Plan, fields: &[Typed]) -> Vec<(String, String)> {
    let named = plan.record.fields.iter().zip(fields);
    named.map(|(field, value)| (field.name.clone(), value.as_text().to_string())).collect()
}

/// What became of a record, and what it was made of.
struct Outcome {
    /// Where a trace wants it.
    record: Option<Box<Record>>,
    values: Values,
    fate: Fate,
    links: Vec<Link>,
}

#[derive(Default)]
struct Values {
    shown: Vec<(String, String)>,
    /// The field that is to blame.
    field: Option<usize>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self { record: None, values: Values::default(), fate: Fate::Mapped, links: vec![] }
    }
}

impl Outcome {
    fn dropped(reason: &str) -> Self {
        Self { fate: Fate::Dropped(reason.into(), None), ..Self::default() }
    }

    fn bad(bad: BadRow) -> Self {
        Self { values: Values { shown: vec![], field: bad.field }, fate: Fate::Bad(bad.reason), ..Self::default() }
    }
}

fn map(context: &Context, record: Record, fields: &[Typed], texts: &mut Texts, graph: &mut Graph) -> Outcome {
    let mut links = vec![];
    let fate = fate(context, &record, fields, texts, graph, &mut links);
    let record = context.keeps_values.then(|| Box::new(record));
    Outcome { record, values: Values::default(), fate, links }
}

fn fate(
    context: &Context,
    record: &Record,
    fields: &[Typed],
    texts: &mut Texts,
    graph: &mut Graph,
    links: &mut Vec<Link>,
) -> Fate {
    if is_outside(context, record) {
        return Fate::Outside;
    }
    if let Some(scope) = dropped_scope(context, record) {
        return Fate::Dropped(format!("its address is {scope}"), None);
    }
    let sources = meant(context.asked, sources(&record.rrname, record.rrtype));
    let (sources, targets) = (with_hostname(context, sources), with_hostname(context, targets(&record.rdata)));
    let is_about = |side: &[Observable]| side.iter().any(|observable| observable.is_same(context.asked));
    if context.plan.record.other_names == OtherNames::Drop && !is_about(&sources) && !is_about(&targets) {
        return Fate::Dropped("it is about another name than the one asked for".into(), None);
    }
    if sources.is_empty() {
        return Fate::Dropped("its owner is not the name of one domain".into(), None);
    }
    if targets.is_empty() && !possible_targets(record.rrtype.form()).is_empty() {
        return Fate::Dropped("its data stands for no observable".into(), None);
    }
    let (mut drop, mut is_linked) = (None, false);
    // Data without an observable still has a rule that says why it is dropped.
    let nothing = targets.is_empty().then_some(None);
    for target in targets.iter().map(Some).chain(nothing) {
        match apply(context, record, fields, &sources, target, texts, graph) {
            Ok(Applied::Linked(link)) => {
                is_linked = true;
                links.extend(link);
            }
            Ok(Applied::Dropped(reason, rule)) => drop = drop.or(Some(Fate::Dropped(reason, rule))),
            Err(reason) => return Fate::Bad(reason),
        }
    }
    match is_linked {
        true => {
            besides(context, record, fields, (&sources, &targets), texts, graph);
            Fate::Mapped
        }
        false => drop.expect("each candidate is linked or dropped"),
    }
}

/// The scope of an address for which a record is left out. The address asked about is no result.
fn dropped_scope(context: &Context, record: &Record) -> Option<Scope> {
    let address = match (&record.rdata, record.rrtype) {
        (Rdata::Address(address), _) => *address,
        (_, RrType::PTR) => record.rrname.reverse_address()?,
        _ => return None,
    };
    let is_asked = || Observable::of_address(address).is_same(context.asked);
    let scope = scope(address);
    (context.drop_addresses.contains(&scope) && !is_asked()).then_some(scope)
}

/// A reverse name stands for its address too: who asked about one of them means that one.
fn meant(asked: &Observable, mut owner: Vec<Observable>) -> Vec<Observable> {
    if owner.iter().any(|observable| observable.is_same(asked)) {
        owner.retain(|observable| observable.is_same(asked));
    }
    owner
}

/// Who asks about a hostname has the name taken for it first, and for a domain name after.
fn with_hostname(context: &Context, mut side: Vec<Observable>) -> Vec<Observable> {
    let is_asked = |found: &Observable| found.as_hostname().is_same(context.asked);
    if context.asked.kind() == Kind::Hostname && side.iter().any(is_asked) {
        side.insert(0, context.asked.clone());
    }
    side
}

/// What a mapped record says of one of its sides. A value that is none of the wanted type says nothing.
fn besides(
    context: &Context,
    record: &Record,
    fields: &[Typed],
    (sources, targets): (&[Observable], &[Observable]),
    texts: &mut Texts,
    graph: &mut Graph,
) {
    for (index, row) in context.plan.besides.iter().enumerate() {
        let side = if row.of == Side::Rrname { sources } else { targets };
        let text = fields[row.field].as_text();
        let other = text.as_str().and_then(|text| Observable::parse(row.target, text).ok()).or_else(|| {
            let number = i64::try_from(text.clone()).ok()?;
            Observable::parse(row.target, &number.to_string()).ok()
        });
        let Some((source, other)) = side.iter().find(|found| found.kind() == row.source).zip(other) else { continue };
        let value_of = |name: &str| value_of(context, record, fields, name);
        let which = usize::MAX - 1 - index;
        let Ok(description) = texts.render(which, row.description.as_ref(), value_of) else { continue };
        let report = Report { seen: Seen::default(), tlp: context.levels.of(record.tlp), rrtype: None, description };
        graph.relate(source, row.relationship, &other, report);
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
    /// And how, where a trace wants to know.
    Linked(Option<Link>),
    Dropped(String, Option<usize>),
}

/// The first rule that matches decides.
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
            && !when.holds(value_of).map_err(|reason| format!("`{}` cannot be told: {reason}", when.text()))?
        {
            continue;
        }
        return match (&rule.then, ends) {
            (RuleThen::Relate { relationship, description, .. }, Some((source, target))) => {
                let prose = description.as_deref().or(plan.relationship.description.as_ref());
                let which = description.as_ref().map_or(usize::MAX, |_| index);
                let text = texts.render(which, prose, value_of)?;
                let seen = seen(plan, record);
                let link = || Link {
                    source: source.clone(),
                    relationship: *relationship,
                    target: target.clone(),
                    seen,
                    rule: index,
                    line: rule.line,
                };
                let report =
                    Report { seen, tlp: context.levels.of(record.tlp), rrtype: Some(record.rrtype), description: text };
                match graph.relate(source, *relationship, target, report) {
                    true => Ok(Applied::Linked(context.keeps_values.then(link))),
                    false => Ok(Applied::Dropped("it points to itself".into(), Some(index))),
                }
            }
            (RuleThen::Drop(reason), _) => Ok(Applied::Dropped(reason.clone(), Some(index))),
            (RuleThen::Relate { .. }, None) => unreachable!("a rule without its ends was passed over"),
        };
    }
    unreachable!("the last rule matches everything")
}

/// The times that the profile gives relationships.
fn seen(plan: &Plan, record: &Record) -> Seen {
    let time = |field: Option<TimeField>| match field? {
        TimeField::TimeFirst => record.seen.first,
        TimeField::TimeLast => record.seen.last,
    };
    Seen { first: time(plan.relationship.start_time), last: time(plan.relationship.stop_time) }
}

/// What conditions and texts may read: the record's sides, its type, and every field.
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
        let render =
            || prose.render(&value_of).map_err(|reason| format!("the description cannot be written: {reason}"));
        let known = self.known.entry(which).or_default();
        if !known.is_worth_a_look() {
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
    /// A text that says something else of each record is not looked up for ever.
    fn is_worth_a_look(&self) -> bool {
        self.rendered < MAX_TEXTS || self.found > self.rendered
    }
}
