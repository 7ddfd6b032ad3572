//! Maps answers that were stored earlier: the same rows, records and rules as in a run, without requests.

use super::rows::{Reader, Row, RowsError, StreamEnd};
use super::secret::Secrets;
use super::trace::{Failure, Ledger, Report};
use super::{Input, Response, answer, diagnose, mapping, marking_gate, record};
use crate::plan::{LookupPlan, Plan};
use crate::stix::{Graph, Identity};
use jiff::Timestamp;
use memchr::memchr_iter;

/// Maps stored answers of one lookup, each with the name a person knows it by. One that cannot be read costs itself.
///
/// An answer comes in pieces, and no more than one of them is held. Lines may be cut apart behind any line's end, if
/// [`LookupPlan::reads_pieces`] says so; any other answer is one piece.
pub fn map_stored<A: IntoIterator<Item = Vec<u8>>>(
    plan: &Plan,
    lookup: &LookupPlan,
    each: Option<&str>,
    input: Input,
    answers: impl IntoIterator<Item = (String, A)>,
    now: Timestamp,
) -> Report {
    let mut ledger = Ledger::new(input.trace);
    let mut graph = Graph::new(input.observable.clone(), plan.relationship.policy);
    let mut texts = mapping::Texts::default();
    let secrets = Secrets::of(&input.settings);
    for (number, (name, pieces)) in (1..).zip(answers) {
        let read_before = ledger.counts.read;
        let mut page = Page { plan, lookup, each, input: &input, secrets: &secrets, number, name: &name, lines: 0 };
        let mut pieces = pieces.into_iter();
        let first = Response { status: 200, body: pieces.next().unwrap_or_default(), ..Response::default() };
        let redact = |text: &str| secrets.redact(text);
        if let Some(said) = answer::said_instead(plan, lookup.rows.framing, &first, redact) {
            match said {
                Err(reason) => ledger.failures.push(Failure::lookup(format!("{name}: {reason}"))),
                Ok(()) => ledger.answered += 1,
            }
            continue;
        }
        let mut read = Ok(StreamEnd::Cut);
        for piece in std::iter::once(first.body).chain(pieces) {
            let ending = page.piece(piece, &mut texts, &mut graph, &mut ledger);
            // A piece in which no line tells how the stream ended leaves it as it was.
            read = match (read, ending) {
                (Ok(before), Ok(StreamEnd::Cut)) => Ok(before),
                (_, ending) => ending,
            };
            if read.is_err() {
                break;
            }
        }
        match read {
            Err(broken) => {
                ledger.failures.push(Failure::lookup(secrets.redact(&format!("{name}: {broken}"))));
            }
            Ok(StreamEnd::Cut) => {
                ledger.failures.push(Failure::lookup(format!("{name}: it has no last line: it was cut")));
            }
            Ok(StreamEnd::Failed(reason)) => {
                let text = format!("{name}: the provider could not go on: {reason}");
                ledger.failures.push(Failure::lookup(secrets.redact(&text)));
            }
            Ok(StreamEnd::Limited) => {
                ledger.truncated.push(format!("{name}: the provider holds more records"));
                ledger.answered += 1;
            }
            Ok(StreamEnd::Silent | StreamEnd::Whole) => ledger.answered += 1,
        }
        // What stands before a break is kept, as in a run.
        ledger.answered += u32::from(ledger.counts.read > read_before);
    }
    let (read, bad) = (ledger.counts.judged(), ledger.counts.bad());
    if bad * 100 > read * plan.record.bad_at_most {
        ledger.answered = 0;
        ledger.failures.push(Failure::lookup(super::too_many_bad(plan, read, bad)));
    }
    let (author, class) = &plan.identity;
    let author = Identity::new(author, class, now);
    let tlp = marking_gate::result_tlp(plan, &input);
    let bundle = graph.into_bundle(&author, marking_gate::asked_tlp(&input.markings), now);
    ledger.report(bundle, tlp, &plan.name, false, secrets)
}

/// A stored answer, as it is read.
struct Page<'p> {
    plan: &'p Plan,
    lookup: &'p LookupPlan,
    each: Option<&'p str>,
    input: &'p Input,
    secrets: &'p Secrets,
    number: u32,
    name: &'p str,
    /// How many lines the pieces before had.
    lines: usize,
}

impl Page<'_> {
    fn piece(
        &mut self,
        body: Vec<u8>,
        texts: &mut mapping::Texts,
        graph: &mut Graph,
        ledger: &mut Ledger,
    ) -> Result<StreamEnd, RowsError> {
        let Self { plan, lookup, each, input, number, name, lines, .. } = *self;
        graph.make_room(body.len());
        let response = Response { status: 200, headers: vec![], body, cut: None };
        let reader = Reader::new(&plan.record, lookup, each, &input.observable, &response).behind(lines);
        let secrets = self.secrets.repeated(&response);
        let asked_name = record::asked_name(&input.observable);
        let context = mapping::Context {
            plan,
            reader: &reader,
            secrets: &secrets,
            asked: &input.observable,
            asked_name: asked_name.as_ref(),
            levels: marking_gate::levels(plan, input),
            drop_addresses: marking_gate::dropped(plan, &input.settings),
            lookup: &lookup.name,
            page: number,
            // What was stored is wanted: no window filters it.
            filter_start: None,
            keeps_values: input.trace,
        };
        let mut bad = vec![];
        let read =
            reader.read(&response, &mut |row: Row| bad.extend(mapping::row(&context, &row, texts, graph, ledger)));
        // Of an answer in pieces, nothing can be shown: it is too long.
        let shown = if lines == 0 { &response.body[..] } else { &[] };
        let exhibit = || diagnose::ResponseSource::new(name.to_owned(), shown, |text| self.secrets.redact(text));
        let told = bad.iter().map(|place| diagnose::bad_record(plan, lookup, place, &exhibit()));
        ledger.diagnostics.extend(told.map(|told| self.secrets.redact_in(told)));
        if let Err(broken) = &read {
            let told = diagnose::broken(plan, lookup, broken, &exhibit());
            ledger.diagnostics.push(self.secrets.redact_in(told));
        }
        if lookup.reads_pieces() {
            self.lines += memchr_iter(b'\n', &response.body).count();
        }
        read.map(|beside| beside.ending)
    }
}
