//! What a run would send first, without sending anything: for people who want to know beforehand.

use super::paging::Pages;
use super::request::{Request, Target};
use super::{Run, asks};

/// What a run would send, as far as that is known before the first answer.
#[derive(Debug)]
pub struct Preview {
    /// Why nothing is sent at all, if so. What stands beside it is then what would be sent otherwise.
    pub refused: Option<String>,
    /// The request that tells what is left of the quota.
    pub probe: Option<Request>,
    /// The first page of each request: the number of its lookup in the plan, and the request.
    pub first_pages: Vec<(usize, Request)>,
}

impl Run<'_> {
    /// What this run would send, before it sends anything.
    pub fn preview(&self) -> Preview {
        let first_page = |lookup: usize, each: Option<&str>| {
            self.asker.lookup(
                self.plan,
                &self.plan.lookups[lookup],
                each,
                &Target::Built,
                &Pages::default(),
                self.started,
            )
        };
        let asks = asks(self.plan, &self.input.observable);
        Preview {
            refused: self.ledger.refused.clone(),
            probe: self.plan.quota.probe.as_ref().map(|probe| self.asker.probe(self.plan, probe, self.started)),
            first_pages: asks.iter().map(|ask| (ask.lookup, first_page(ask.lookup, ask.each.as_deref()))).collect(),
        }
    }
}
