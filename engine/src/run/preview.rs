//! Previews the first requests of a run, without sending them.

use super::pages::Pages;
use super::request::Request;
use super::target::Target;
use super::{Run, paged_lookups};

/// The requests of a run that are known before the first response.
#[derive(Debug)]
pub struct Preview {
    /// Why the run is refused, if it is; the requests are those that would be sent otherwise.
    pub refused: Option<String>,
    /// The request that reads the remaining quota.
    pub probe: Option<Request>,
    /// The first page of each lookup, with the index of the lookup in the plan.
    pub first_pages: Vec<(usize, Request)>,
}

impl Run<'_> {
    /// Returns what this run would send first.
    pub fn preview(&self) -> Preview {
        let first_page = |lookup: usize, each: Option<&str>| {
            self.builder.lookup(
                self.plan,
                &self.plan.lookups[lookup],
                each,
                &Target::Built,
                &Pages::default(),
                self.started,
            )
        };
        let paged_lookups = paged_lookups(self.plan, &self.input.observable);
        Preview {
            refused: self.ledger.refused.clone(),
            probe: self.plan.quota.probe.as_ref().map(|probe| self.builder.probe(self.plan, probe, self.started)),
            first_pages: paged_lookups
                .iter()
                .map(|paged| (paged.lookup, first_page(paged.lookup, paged.each.as_deref())))
                .collect(),
        }
    }
}
