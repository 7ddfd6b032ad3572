//! Maps answers that were stored earlier: the same rows, records and rules as in a run, without requests.

use super::rows::{Ending, Reader, Row};
use super::trace::{Failure, Ledger, Report};
use super::{Input, Response, evidence, gate, map, secret};
use crate::plan::{LookupPlan, Plan};
use crate::stix::{Graph, Identity};
use jiff::Timestamp;

/// Maps stored answers of one lookup, each with the name a person knows it by. One that cannot be read costs itself.
pub fn map_stored(
    plan: &Plan,
    lookup: &LookupPlan,
    each: Option<&str>,
    input: Input,
    answers: Vec<(String, Vec<u8>)>,
    now: Timestamp,
) -> Report {
    let mut ledger = Ledger::new(input.trace);
    let mut graph = Graph::new(input.observable.clone(), plan.relationship.policy);
    let mut texts = map::Texts::default();
    for (number, (name, body)) in (1..).zip(answers) {
        let response = Response { status: 200, headers: vec![], body, cut: None };
        let exhibit = || evidence::Exhibit::new(name.clone(), &response.body, str::to_owned);
        let reader = Reader::new(&plan.record, lookup, each, &input.observable, &response);
        let secrets = secret::repeated(input.settings.secrets().map(|(_, secret)| secret.to_owned()), &response);
        let context = map::Context {
            plan,
            reader: &reader,
            secrets: &secrets,
            asked: &input.observable,
            levels: gate::levels(plan, &input),
            lookup: &lookup.name,
            page: number,
            // What was stored is wanted: no window filters it.
            filter_start: None,
            keeps_values: input.trace,
        };
        let mut bad = vec![];
        let sink = &mut |row: Row| bad.extend(map::row(&context, &row, &mut texts, &mut graph, &mut ledger));
        let read = reader.read(&response, sink);
        let told: Vec<_> = bad.iter().map(|place| evidence::bad_record(plan, lookup, place, &exhibit())).collect();
        ledger.diagnostics.extend(told);
        match read.map(|beside| beside.ending) {
            Err(broken) => {
                ledger.diagnostics.push(evidence::broken(plan, lookup, &broken, &exhibit()));
                ledger.failures.push(Failure::lookup(format!("{name}: {broken}")));
            }
            Ok(Ending::Cut) => ledger.truncated.push(format!("{name}: it has no last line: it was cut")),
            Ok(Ending::Failed(reason)) => {
                ledger.truncated.push(format!("{name}: the provider could not go on: {reason}"))
            }
            Ok(Ending::Limited) => ledger.truncated.push(format!("{name}: the provider holds more records")),
            Ok(Ending::Silent | Ending::Whole) => {}
        }
        ledger.answered += 1;
    }
    let (read, bad) = (ledger.counts.read, ledger.counts.bad());
    if bad * 100 > read * plan.record.bad_at_most {
        ledger.answered = 0;
        ledger.failures.push(Failure::lookup(super::too_many_bad(plan, read, bad)));
    }
    let (author, class) = &plan.identity;
    let author = Identity::new(author, class, now);
    let tlp = gate::result_tlp(plan, &input);
    let bundle = graph.into_bundle(&author, gate::asked_tlp(&input.markings), now);
    ledger.report(bundle, tlp, &plan.name, false)
}
