//! Maps answers that were stored earlier: the same rows, records and rules as in a run, without requests.

use super::trace::{Failure, Ledger, Report};
use super::{Input, Response, evidence, gate, map, page};
use crate::plan::{LookupPlan, Plan};
use crate::stix::{Graph, Identity};
use jiff::Timestamp;

/// Maps stored answers of one lookup, each with the name a person knows it by. One that cannot be read costs itself.
pub fn map_stored(
    plan: &Plan,
    lookup: &LookupPlan,
    input: Input,
    answers: Vec<(String, Vec<u8>)>,
    now: Timestamp,
) -> Report {
    let mut ledger = Ledger::new(input.trace);
    let mut graph = Graph::new(input.observable.clone(), plan.relationship.policy);
    let mut texts = map::Texts::default();
    for (number, (name, body)) in (1..).zip(answers) {
        let response = Response { status: 200, headers: vec![], body, cut: None };
        let exhibit = || evidence::Exhibit::new(name.clone(), &String::from_utf8_lossy(&response.body));
        match page::rows(lookup, &response) {
            Err(broken) => {
                ledger.diagnostics.push(evidence::broken(plan, lookup, &broken, &exhibit()));
                ledger.failures.push(Failure::lookup(format!("{name}: {broken}")));
            }
            Ok(rows) => {
                let context = map::Context {
                    plan,
                    asked: &input.observable,
                    lookup: &lookup.name,
                    page: number,
                    // What was stored is wanted: no window filters it.
                    filter_start: None,
                    keeps_values: input.trace,
                };
                let bad = map::rows(&context, &rows, &mut texts, &mut graph, &mut ledger);
                let told = bad.iter().map(|(row, bad)| evidence::bad_record(plan, lookup, &rows, row, bad, &exhibit()));
                ledger.diagnostics.extend(told);
                ledger.answered += 1;
            }
        }
    }
    let (read, bad) = (ledger.counts.read, ledger.counts.bad());
    if bad * 100 > read * plan.record.bad_at_most {
        ledger.answered = 0;
        ledger.failures.push(Failure::lookup(super::too_many_bad(plan, read, bad)));
    }
    let (author, class) = &plan.identity;
    let author = Identity::new(author, class, now);
    let tlp = gate::result_tlp(plan, &input);
    let bundle = graph.into_bundle(&author, tlp, gate::asked_tlp(&input.markings), now);
    ledger.report(bundle, tlp, &plan.name, false)
}
