//! Maps stored responses with the same rows, records and rules as a run, without requests.

use super::interrupt::Interrupt;
use super::reader::Reader;
use super::row::{Envelope, Row, RowsError, StreamEnd};
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
    let secrets = Secrets::of(&input.settings);
    let mut reading = Reading {
        ledger: Ledger::new(input.trace),
        graph: Graph::new(input.observable.clone(), plan.relationship.policy),
        texts: mapping::Texts::default(),
        pages: StoredPages::default(),
    };
    for (number, (name, chunks)) in (1..).zip(answers) {
        let page = Page {
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
        reading.response(page, chunks.into_iter());
    }
    let Reading { mut ledger, graph, pages, .. } = reading;
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

/// What is read from all stored responses.
struct Reading {
    ledger: Ledger,
    graph: Graph,
    texts: mapping::Texts,
    pages: StoredPages,
}

impl Reading {
    /// Reads the chunks of a response.
    fn response(&mut self, mut page: Page<'_>, mut chunks: impl Iterator<Item = Vec<u8>>) {
        let (lookup, name, secrets) = (page.lookup, page.name, page.secrets);
        let fail = |reason: &str| Failure::lookup(secrets.redact(&format!("{name}: {reason}")));
        let first = Response { status: 200, body: chunks.next().unwrap_or_default(), ..Response::default() };
        let redact = |text: &str| secrets.redact(text);
        match response_meaning::stored_result(page.plan, lookup.rows.framing, &first, redact) {
            Some(Err(reason)) => return self.ledger.failures.push(fail(&reason)),
            Some(Ok(())) => {
                self.pages.note_empty();
                self.ledger.answered += 1;
                return;
            }
            None => {}
        }
        // Only a response in one piece states anything about other pages.
        let is_new = lookup.reads_pieces() || self.pages.is_new(lookup, Sha1::digest(&first.body).into());
        let read_before = self.ledger.counts.read;
        let (whole, read) = self.chunks(&mut page, std::iter::once(first.body).chain(chunks));
        if is_new
            && read.is_ok()
            && let Err(reason) = self.pages.note(lookup, &page.input.settings, &whole)
        {
            self.ledger.failures.push(fail(&reason));
        }
        match read {
            Err(error) => self.ledger.failures.push(fail(&error.to_string())),
            Ok(StreamEnd::Truncated) => {
                self.ledger.failures.push(fail("truncated response: missing final line"));
            }
            Ok(StreamEnd::Incomplete) => {
                self.ledger.failures.push(fail("truncated response: incomplete last line"));
            }
            Ok(StreamEnd::Failed(reason)) => {
                self.ledger.failures.push(fail(&format!("the provider aborted: {reason}")));
            }
            Ok(StreamEnd::Limited) => {
                self.ledger.truncated.push(format!("{name}: more records exist"));
                self.ledger.answered += 1;
            }
            Ok(StreamEnd::Unknown | StreamEnd::Complete) => self.ledger.answered += 1,
        }
        // Records before an error are kept, as in a run.
        self.ledger.answered += u32::from(self.ledger.counts.read > read_before);
    }

    /// Maps chunks up to the first that cannot be read. Returns what all of them state, and how the last one ended.
    fn chunks(
        &mut self,
        page: &mut Page<'_>,
        chunks: impl Iterator<Item = Vec<u8>>,
    ) -> (Envelope, Result<StreamEnd, RowsError>) {
        let (mut whole, mut read) = (Envelope::default(), Ok(StreamEnd::Truncated));
        for chunk in chunks {
            let ending = page.chunk(chunk, &mut self.texts, &mut self.graph, &mut self.ledger).map(|envelope| {
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
        (whole, read)
    }
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
        let interrupt = Interrupt::default();
        let watch = interrupt.watch();
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
            watch: &watch,
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
