//! Responses by which the provider says that it has no data.

use super::reader::Reader;
use super::response_meaning::is_tested;
use super::target::Target;
use super::trace::Failure;
use super::{Response, Run};
use crate::plan::LookupPlan;
use crate::profile::Framing;
use jiff::Timestamp;
use std::collections::HashSet;

impl Run<'_> {
    /// Accepts such a response. It ends the lookup, or one part of its window, unless it contradicts what came before or
    /// itself.
    pub(super) fn accept_empty(&mut self, response: Response, now: Timestamp) {
        let current = self.current.as_ref().expect("a page was requested");
        let lookup = &self.plan.lookups[current.paged_lookup.lookup];
        if current.target.is_of_job() && response.status >= 400 {
            let reason = format!("HTTP {} for a job that the provider accepted", response.status);
            return self.fail(Failure::lookup(reason));
        }
        // The state of a job decides, also if it stands in a response that looks empty.
        let is_poll = matches!(current.target, Target::Poll(_) | Target::PollUrl(_));
        match is_poll || self.has_rows(lookup, &response) {
            true => self.read(response, now),
            false => self.end_page(lookup, now),
        }
    }

    /// Whether a successful response has rows in spite of the test that calls it empty. The only line of a response may be
    /// the one that this test reads, also if it is repeated, and a document that is one row is never without a row.
    fn has_rows(&self, lookup: &LookupPlan, response: &Response) -> bool {
        let has_list = lookup.rows.framing == Framing::Json && !lookup.rows.levels.is_empty();
        let is_tested = is_tested(self.plan, lookup.rows.framing, response);
        if !is_tested || !(200..300).contains(&response.status) || !has_list && is_one_line(&response.body) {
            return false;
        }
        let current = self.current.as_ref().expect("a page was requested");
        let each = current.paged_lookup.each.as_deref();
        let reader = Reader::new(&self.plan.record, lookup, each, &self.input.observable, response);
        let mut rows = 0;
        // An error is part of the message that there is no data.
        let _ = reader.read(response, &mut |row| rows += usize::from(row.slots.is_ok()));
        rows >= if has_list { 1 } else { 2 }
    }

    fn end_page(&mut self, lookup: &LookupPlan, now: Timestamp) {
        let current = self.current.as_mut().expect("a page was requested");
        let turn = match &mut current.pages.parts {
            None => current.pages.next_after_empty(lookup),
            Some(parts) => {
                self.attempts = 0;
                current.redirected_to = None;
                current.pages.count += 1;
                parts.begin();
                current.pages.settle_part(lookup, false, None)
            }
        };
        self.follow(turn, lookup, now);
    }
}

/// Whether all lines are the same.
fn is_one_line(body: &[u8]) -> bool {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.collect::<HashSet<_>>().len() < 2
}
