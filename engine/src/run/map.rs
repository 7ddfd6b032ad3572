//! A record becomes relationships, by the rules; and each row is accounted for.

use super::page::{Row, Rows};
use super::record::{BadRow, Record, Typed, fields, records};
use super::trace::{Fate, Ledger, Link, Traced};
use crate::plan::{Plan, Prose, RuleThen, possible_targets, sources, targets};
use crate::profile::{OtherNames, TimeField};
use crate::stix::{Graph, Observable, Seen};
use jiff::Timestamp;
use minijinja::value::Value as Text;
use std::collections::HashMap;
use std::sync::Arc;

/// Texts that were rendered are kept by what went into them: most profiles say a few things a million times.
#[derive(Debug, Default)]
pub(super) struct Texts {
    rendered: HashMap<(usize, Vec<String>), Arc<str>>,
}

/// How many texts are kept at most.
const MAX_TEXTS: usize = 4096;

/// What a row's records are read and mapped with.
pub(super) struct Context<'r> {
    pub(super) plan: &'r Plan,
    pub(super) asked: &'r Observable,
    pub(super) lookup: &'r str,
    pub(super) page: u32,
    pub(super) filter_start: Option<Timestamp>,
    /// Whether the values that were read are kept for the trace.
    pub(super) keeps_values: bool,
}

/// Maps the rows of a page, and writes down what became of each record. Gives the first row of each kind of mistake.
pub(super) fn rows<'r>(
    context: &Context,
    rows: &'r Rows,
    texts: &mut Texts,
    graph: &mut Graph,
    ledger: &mut Ledger,
) -> Vec<(&'r Row, BadRow)> {
    let mut bad = vec![];
    for row in &rows.rows {
        for outcome in outcomes(context, row, texts, graph) {
            let Outcome { record, values, fate, links } = outcome;
            if let Fate::Bad(reason) = &fate
                && ledger.is_news(values.field)
            {
                bad.push((row, BadRow { reason: reason.clone(), field: values.field }));
            }
            ledger.note(fate, |fate| Traced {
                lookup: context.lookup.to_owned(),
                page: context.page,
                place: rows.place(row),
                values: values.shown,
                record,
                fate,
                links,
            });
        }
    }
    bad
}

fn outcomes(context: &Context, row: &Row, texts: &mut Texts, graph: &mut Graph) -> Vec<Outcome> {
    let read = row.value.as_ref().map_err(|reason| BadRow::from(reason.clone())).and_then(|value| read(context, value));
    let (fields, records) = match read {
        Ok(read) => read,
        Err(reason) => return vec![Outcome::bad(reason)],
    };
    let shown = || if context.keeps_values { shown(context.plan, &fields) } else { vec![] };
    let mut outcomes: Vec<Outcome> = records
        .into_iter()
        .map(|record| match record {
            Ok(record) => Outcome {
                values: Values { shown: shown(), field: None },
                ..map(context, record, &fields, texts, graph)
            },
            Err(reason) => Outcome { values: Values { shown: shown(), field: None }, ..Outcome::bad(reason.into()) },
        })
        .collect();
    if outcomes.is_empty() {
        outcomes.push(Outcome { fate: Fate::Dropped("the row holds no data".into(), None), ..Outcome::default() });
    }
    outcomes
}

/// The fields as they were read, for people.
fn shown(plan: &Plan, fields: &[Typed]) -> Vec<(String, String)> {
    let named = plan.record.fields.iter().zip(fields);
    named.map(|(field, value)| (field.name.clone(), value.as_text().to_string())).collect()
}

type Read = (Vec<Typed>, Vec<Result<Record, String>>);

fn read(context: &Context, value: &serde_json::Value) -> Result<Read, BadRow> {
    let fields = fields(&context.plan.record, value)?;
    let records = records(&context.plan.record, &fields, context.asked)?;
    Ok((fields, records))
}

/// What became of a record, and what it was made of.
struct Outcome {
    record: Option<Record>,
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
    fn bad(bad: BadRow) -> Self {
        Self { values: Values { shown: vec![], field: bad.field }, fate: Fate::Bad(bad.reason), ..Self::default() }
    }
}

fn map(context: &Context, record: Record, fields: &[Typed], texts: &mut Texts, graph: &mut Graph) -> Outcome {
    let mut links = vec![];
    let fate = fate(context, &record, fields, texts, graph, &mut links);
    Outcome { record: Some(record), values: Values::default(), fate, links }
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
    let (sources, targets) = (sources(&record.rrname, record.rrtype), targets(&record.rdata));
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
    let mut drop = None;
    // Data without an observable still has a rule that says why it is dropped.
    let candidates: Vec<Option<&Observable>> =
        if targets.is_empty() { vec![None] } else { targets.iter().map(Some).collect() };
    for target in candidates {
        match apply(context, record, fields, &sources, target, texts, graph) {
            Ok(Applied::Linked(link)) => links.push(link),
            Ok(Applied::Dropped(reason, rule)) => drop = drop.or(Some(Fate::Dropped(reason, rule))),
            Err(reason) => return Fate::Bad(reason),
        }
    }
    match links.is_empty() {
        false => Fate::Mapped,
        true => drop.expect("each candidate is linked or dropped"),
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
    Linked(Link),
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
    let value_of = |name: &str| value_of(plan, record, fields, name);
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
                let link = Link {
                    source: source.clone(),
                    relationship: *relationship,
                    target: target.clone(),
                    seen,
                    rule: index,
                    line: rule.line,
                };
                match graph.relate(source, *relationship, target, seen, &text) {
                    true => Ok(Applied::Linked(link)),
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
fn value_of(plan: &Plan, record: &Record, fields: &[Typed], name: &str) -> Text {
    match name {
        "rrname" => Text::from(record.rrname.as_str()),
        "rdata" => Text::from(record.rdata.to_string()),
        "rrtype" => Text::from(record.rrtype.to_string()),
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
        let Some(prose) = prose else { return Ok(Arc::from("")) };
        let inputs = prose.reads().iter().map(|name| value_of(name).to_string()).collect();
        let key = (which, inputs);
        if let Some(text) = self.rendered.get(&key) {
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> =
            prose.render(value_of).map_err(|reason| format!("the description cannot be written: {reason}"))?.into();
        if self.rendered.len() < MAX_TEXTS {
            self.rendered.insert(key, Arc::clone(&text));
        }
        Ok(text)
    }
}
