//! `stixmap map`: converts stored responses to STIX. Needs no network and no settings.

use crate::chunks::{Chunks, ReadError};
use crate::cli::{MapArgs, Verbosity};
use crate::enrich::{self, Answer, exit, kind, markings, observable};
use crate::exit::Exit;
use crate::files::operator_path;
use crate::setting::SettingSources;
use crate::{catalog, connector, output_format, standard_streams};
use anyhow::{Context, bail};
use std::io::Write;
use std::path::{Path, PathBuf};
use stixmap_engine::plan::{LookupPlan, Plan};
use stixmap_engine::run::{Input, map_stored};
use stixmap_engine::stix::Observable;

pub(crate) fn run(args: &MapArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    if args.as_sent {
        connector::enter_sandbox();
    }
    let Some(plan) = catalog::find(&args.profile, args.catalog.profiles.as_deref())?.plan()? else {
        return Ok(Exit::Failure);
    };
    let given = SettingSources::read(&args.settings)?;
    // The connector has validated its settings, and those of the other profiles.
    if !args.as_sent {
        given.refuse_unknown(&[&plan], args.catalog.profiles.as_deref())?;
    }
    let observable = observable(&args.observable, kind(args.kind.as_deref())?)?;
    let lookup = lookup(&plan, &observable, args.lookup.as_deref())?;
    let now = jiff::Timestamp::now();
    let input = Input {
        observable: observable.clone(),
        markings: markings(&args.marking)?,
        settings: given.optional_settings(&plan)?,
        deadline: now,
        seed: 0,
        trace: args.output.needs_trace(),
    };
    let read_error = ReadError::default();
    let open = |path: &PathBuf| open(path, lookup.reads_pieces(), &read_error);
    let responses = args.responses.iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
    let pap = enrich::pap(&input.markings);
    let mut report = map_stored(&plan, lookup, each(lookup, args.each.as_deref())?, input, responses, now);
    if let Some(error) = read_error.take() {
        bail!("failed to read a response to its end: {error}");
    }
    report.bundle.mark(pap);
    if args.as_sent {
        // The output is not needed.
        connector::split_and_discard(std::mem::take(&mut report.bundle));
    }
    let answer = Answer { observable, report };
    let explained = enrich::report(std::slice::from_ref(&answer), &args.output, verbosity);
    let exit = explained.max(exit(answer.report.outcome.kind));
    let mut reports = vec![answer.report];
    let fill = &mut |out: &mut dyn Write| output_format::write(args.output.format, &mut reports, out);
    standard_streams::write(args.output.output.as_deref(), fill)?;
    Ok(exit)
}

fn lookup<'p>(plan: &'p Plan, observable: &Observable, name: Option<&str>) -> anyhow::Result<&'p LookupPlan> {
    let mut fitting = plan.lookups.iter().filter(|lookup| lookup.accepts.contains(&observable.kind()));
    let names = || plan.lookups.iter().map(|lookup| lookup.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = match name {
        Some(name) => plan.lookups.iter().find(|lookup| lookup.name == name),
        None => fitting.next(),
    };
    let Some(lookup) = found else {
        bail!("{} has no such lookup for {}; available: {}", plan.name, observable.kind(), names());
    };
    if name.is_none() && fitting.next().is_some() {
        bail!("{} has several lookups for {}; select one by --lookup: {}", plan.name, observable.kind(), names());
    }
    Ok(lookup)
}

/// Returns the element of `for_each` that the response is for, if the lookup has such a list.
fn each<'a>(lookup: &'a LookupPlan, given: Option<&'a str>) -> anyhow::Result<Option<&'a str>> {
    let known = || lookup.for_each.join(", ");
    match given {
        Some(each) if lookup.for_each.iter().any(|known| known == each) => Ok(Some(each)),
        Some(each) if lookup.for_each.is_empty() => {
            bail!("invalid --each `{each}`: the lookup `{}` has no `for_each`", lookup.name)
        }
        Some(each) => bail!("unknown element `{each}` of the lookup `{}`; available: {}", lookup.name, known()),
        None if lookup.for_each.len() < 2 => Ok(lookup.for_each.first().map(String::as_str)),
        None => bail!("missing --each: the lookup `{}` has a request for each of {}", lookup.name, known()),
    }
}

/// Opens a response; returns its name for messages and its chunks.
fn open(path: &Path, by_lines: bool, read_error: &ReadError) -> anyhow::Result<(String, Chunks)> {
    if path.as_os_str() == "-" {
        return Ok(("standard input".into(), Chunks::new(Box::new(std::io::stdin()), by_lines, 0, read_error)));
    }
    let shown = path.display().to_string();
    let (from, length) = operator_path::input(path).with_context(|| format!("failed to read {shown}"))?;
    Ok((shown, Chunks::new(from, by_lines, length, read_error)))
}
