//! Responses by which the provider says that it has no data.

use super::reader::Reader;
use super::trace::Failure;
use super::{Response, Run};
use crate::plan::LookupPlan;
use crate::profile::Framing;
use jiff::Timestamp;

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
        match self.has_rows(lookup, &response) {
            true => self.read(response, now),
            false => self.end_page(lookup, now),
        }
    }

    /// Whether a successful response has rows in spite of the test that calls it empty. The only line of a response may be
    /// the one that this test reads, and a document that is one row is never without a row.
    fn has_rows(&self, lookup: &LookupPlan, response: &Response) -> bool {
        let current = self.current.as_ref().expect("a page was requested");
        let each = current.paged_lookup.each.as_deref();
        let reader = Reader::new(&self.plan.record, lookup, each, &self.input.observable, response);
        let mut rows = 0;
        let is_list = lookup.rows.framing == Framing::Json && !lookup.rows.levels.is_empty();
        let least = if is_list { 1 } else { 2 };
        // An error is part of the message that there is no data.
        let _ = (200..300)
            .contains(&response.status)
            .then(|| reader.read(response, &mut |row| rows += usize::from(row.slots.is_ok())));
        rows >= least
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
