//! `stixmap test`: plays the recorded cases of profiles and measures how much of each profile they cover.

mod assurance;
mod compare;
mod coverage;
mod edit;
mod hint;
mod mutate;
mod parallel;
mod part;
mod property;
mod recorded;
mod suite;
mod phrasing;

use crate::cli::{TestArgs, Verbosity};
use crate::exit::Exit;
use recorded::Recorded;
use suite::{Suite, found};

pub(crate) fn run(args: &TestArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let suites = found(&args.paths)?;
    if args.properties {
        return property::run(&suites, args);
    }
    if !(args.coverage || args.mutate || args.assurance) {
        return compare::run(&suites, args.accept, verbosity);
    }
    let Some(profiles) = recorded(&suites)? else { return Ok(Exit::Failure) };
    let lowest = match args.format() {
        _ if args.assurance => assurance::run(&profiles)?,
        format if args.coverage => coverage::run(&profiles, format)?,
        format => mutate::run(&profiles, format)?,
    };
    Ok(if args.at_least.is_some_and(|least| lowest < f64::from(least)) { Exit::Failure } else { Exit::Success })
}

/// Returns the page of `stixmap explain properties`.
pub(crate) fn properties() -> String {
    property::page()
}

/// Reads and plays the profiles' cases; `None` if one is invalid or differs, which has been reported.
fn recorded(suites: &[Suite]) -> anyhow::Result<Option<Vec<Recorded>>> {
    suites.iter().map(Recorded::read).collect()
}
