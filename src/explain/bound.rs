//! Upper bound of the requests for one observable, with its terms. Each page takes at most the configured attempts; a followed
//! redirect starts with new attempts.

use super::facts::{Bound, Term};
use super::phrasing::types;
use stixmap_engine::plan::{LookupPlan, Plan};
use stixmap_engine::run::MAX_REDIRECTS;
use stixmap_engine::stix::ObservableType;

/// Returns the bound for each type that the profile accepts, or for `only`; types with the same lookups share one.
pub(super) fn bounds(plan: &Plan, only: Option<ObservableType>) -> Vec<Bound> {
    let mut bounds: Vec<(Vec<ObservableType>, Vec<&LookupPlan>)> = vec![];
    for kind in plan.accepts().into_iter().filter(|kind| only.is_none_or(|only| only == *kind)) {
        let lookups: Vec<&LookupPlan> = plan.lookups.iter().filter(|lookup| lookup.accepts.contains(&kind)).collect();
        let is_same = |known: &&mut (Vec<ObservableType>, Vec<&LookupPlan>)| {
            known.1.iter().map(|lookup| &lookup.name).eq(lookups.iter().map(|lookup| &lookup.name))
        };
        match bounds.iter_mut().find(is_same) {
            Some((kinds, _)) => kinds.push(kind),
            None => bounds.push((vec![kind], lookups)),
        }
    }
    bounds.into_iter().map(|(kinds, lookups)| bound(plan, &kinds, &lookups)).collect()
}

/// Returns the maximum number of requests for an observable of a type.
pub(crate) fn most_requests(plan: &Plan, kind: ObservableType) -> u64 {
    bounds(plan, Some(kind)).iter().map(|bound| bound.requests).sum()
}

fn bound(plan: &Plan, kinds: &[ObservableType], lookups: &[&LookupPlan]) -> Bound {
    let probe = plan.quota.probe.as_ref().map(|_| probe(plan));
    let sum: Vec<Term> =
        token(plan).into_iter().chain(probe).chain(lookups.iter().map(|lookup| of_lookup(plan, lookup))).collect();
    Bound { types: types(kinds), requests: sum.iter().map(|term| term.requests).sum(), sum }
}

/// A token is obtained once, and a second time if the first is rejected.
fn token(plan: &Plan) -> Option<Term> {
    let attempts = plan.http.retry.attempts;
    plan.token()?;
    Some(Term {
        of: "token".to_owned(),
        requests: (2 * attempts).into(),
        how: format!("2 tokens × {}", counted(attempts, "attempt")),
    })
}

fn probe(plan: &Plan) -> Term {
    let attempts = plan.http.retry.attempts;
    Term { of: "quota".to_owned(), requests: attempts.into(), how: counted(attempts, "attempt") }
}

fn of_lookup(plan: &Plan, lookup: &LookupPlan) -> Term {
    let attempts = plan.http.retry.attempts;
    // Submission, polls and result.
    let of_job = lookup.job.as_ref().map_or(0, |job| 1 + job.at_most);
    let pages = lookup.paging.at_most() + of_job;
    let asks = lookup.for_each.len().max(1);
    let requests = (u64::from(pages) + u64::from(MAX_REDIRECTS)) * u64::from(attempts) * asks as u64;
    let each = if asks > 1 { format!("{asks} requests × ") } else { String::new() };
    let how = format!(
        "{each}({} + {}) × {}",
        counted(pages, "page"),
        counted(MAX_REDIRECTS, "redirect"),
        counted(attempts, "attempt")
    );
    Term { of: lookup.name.clone(), requests, how }
}

/// Returns a number with its unit: `1 page`, `2 pages`.
pub(super) fn counted(number: u32, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
