//! Maps stored responses with the same rows, records and rules as a run, without requests.

use super::rows::{Envelope, Reader, Row, RowsError, StreamEnd};
use super::secret::Secrets;
use super::stored_pages::StoredPages;
use super::trace::{Failure, Ledger, Report};
use super::{Input, Response, diagnose, mapping, marking_gate, record, response_meaning};
use crate::plan::{LookupPlan, Plan};
use crate::stix::{Graph, Identity};
use jiff::Timestamp;
use memchr::memchr_iter;
use sha1::{Digest, Sha1};

/// Maps stored responses of one lookup, each with a name for messages. An unreadable response fails alone.
///
/// A response consists of chunks, of which one is in memory at a time. Where [`LookupPlan::reads_pieces`] is true,
/// chunks may end after any line; other responses are a single chunk.
///
/// The outcome is partial if the responses say that the provider has more records than all of them hold.
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
    let mut pages = StoredPages::default();
    for (number, (name, chunks)) in (1..).zip(answers) {
        let read_before = ledger.counts.read;
        let mut page = Page {
            plan,
            lookup,
            each,
            input: &input,
            secrets: &secrets,
            number,
            name: &name,
            lines: 0,
            is_ended: false,
        };
        let mut chunks = chunks.into_iter();
        let first = Response { status: 200, body: chunks.next().unwrap_or_default(), ..Response::default() };
        let redact = |text: &str| secrets.redact(text);
        if let Some(result) = response_meaning::stored_result(plan, lookup.rows.framing, &first, redact) {
            match result {
                Err(reason) => ledger.failures.push(Failure::lookup(format!("{name}: {reason}"))),
                Ok(()) => {
                    pages.note_empty();
                    ledger.answered += 1;
                }
            }
            continue;
        }
        // Only a response in one piece states anything about other pages.
        let is_new = lookup.reads_pieces() || pages.is_new(lookup, Sha1::digest(&first.body).into());
        let mut whole = Envelope::default();
        let mut read = Ok(StreamEnd::Truncated);
        for chunk in std::iter::once(first.body).chain(chunks) {
            let ending = page.chunk(chunk, &mut texts, &mut graph, &mut ledger).map(|envelope| {
                whole.rows += envelope.rows;
                whole.document = envelope.document;
                envelope.ending
            });
            // A chunk without a final SAF line does not change the state of the stream.
            read = match (read, ending) {
                (Ok(before), Ok(StreamEnd::Truncated)) => Ok(before),
                (_, ending) => ending,
            };
            page.is_ended = matches!(read, Ok(StreamEnd::Complete | StreamEnd::Limited));
            if matches!(read, Err(_) | Ok(StreamEnd::Failed(_))) {
                break;
            }
        }
        if is_new
            && read.is_ok()
            && let Err(reason) = pages.note(lookup, &input.settings, &whole)
        {
            ledger.failures.push(Failure::lookup(secrets.redact(&format!("{name}: {reason}"))));
        }
        match read {
            Err(error) => {
                ledger.failures.push(Failure::lookup(secrets.redact(&format!("{name}: {error}"))));
            }
            Ok(StreamEnd::Truncated) => {
                ledger.failures.push(Failure::lookup(format!("{name}: truncated response: missing final line")));
            }
            Ok(StreamEnd::Failed(reason)) => {
                let text = format!("{name}: the provider aborted: {reason}");
                ledger.failures.push(Failure::lookup(secrets.redact(&text)));
            }
            Ok(StreamEnd::Limited) => {
                ledger.truncated.push(format!("{name}: more records exist"));
                ledger.answered += 1;
            }
            Ok(StreamEnd::Unknown | StreamEnd::Complete) => ledger.answered += 1,
        }
        // Records before an error are kept, as in a run.
        ledger.answered += u32::from(ledger.counts.read > read_before);
    }
    ledger.truncated.extend(pages.missing(lookup));
    let (read, bad) = (ledger.counts.judged(), ledger.counts.bad());
    if bad * 100 > read * plan.record.bad_at_most {
        ledger.answered = 0;
        ledger.failures.push(Failure::lookup(super::too_many_bad_records(plan, read, bad)));
    }
    let (author, class) = &plan.identity;
    let author = Identity::new(author, class, now);
    let tlp = marking_gate::result_tlp(plan, &input);
    let bundle = graph.into_bundle(&author, marking_gate::asked_tlp(&input.markings), now);
    ledger.report(bundle, tlp, &plan.name, false, secrets)
}

/// A stored response while it is read.
struct Page<'p> {
    plan: &'p Plan,
    lookup: &'p LookupPlan,
    each: Option<&'p str>,
    input: &'p Input,
    secrets: &'p Secrets,
    number: u32,
    name: &'p str,
    /// Number of lines in previous chunks.
    lines: usize,
    /// Whether a previous chunk contains the final line of an SAF stream.
    is_ended: bool,
}

impl Page<'_> {
    fn chunk(
        &mut self,
        body: Vec<u8>,
        texts: &mut mapping::Texts,
        graph: &mut Graph,
        ledger: &mut Ledger,
    ) -> Result<Envelope, RowsError> {
        let Self { plan, lookup, each, input, number, name, lines, is_ended, .. } = *self;
        graph.make_room(body.len());
        let response = Response { status: 200, headers: vec![], body, cut: None };
        let reader = Reader::new(&plan.record, lookup, each, &input.observable, &response).after_lines(lines, is_ended);
        let secrets = self.secrets.in_response(&response);
        let asked_name = record::asked_name(&input.observable);
        let context = mapping::Context {
            plan,
            reader: &reader,
            secrets: &secrets,
            all_secrets: self.secrets,
            asked: &input.observable,
            asked_name: asked_name.as_ref(),
            levels: marking_gate::levels(plan, input),
            drop_addresses: marking_gate::dropped(plan, &input.settings),
            lookup: &lookup.name,
            page: number,
            // Stored records are not filtered by the window.
            filter_start: None,
            keeps_values: input.trace,
        };
        let mut bad = vec![];
        let read =
            reader.read(&response, &mut |row: Row| bad.extend(mapping::row(&context, &row, texts, graph, ledger)));
        // A response in several chunks is too large for labels.
        let shown = if lines == 0 { &response.body[..] } else { &[] };
        let source = || diagnose::ResponseSource::new(name.to_owned(), shown, |text| self.secrets.redact(text));
        let diagnostics = bad.iter().map(|location| diagnose::bad_record(plan, lookup, location, &source()));
        ledger.diagnostics.extend(diagnostics.map(|found| self.secrets.redact_in(found)));
        if let Err(error) = &read {
            let diagnostic = diagnose::malformed(plan, lookup, error, &source());
            ledger.diagnostics.push(self.secrets.redact_in(diagnostic));
        }
        if lookup.reads_pieces() {
            self.lines += memchr_iter(b'\n', &response.body).count();
        }
        read
    }
}
