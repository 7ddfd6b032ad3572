//! `stixmap new`: a profile to begin with, as its author chose it, with a first case. On a terminal it asks for what no flag
//! says; elsewhere it takes what most providers have.

mod ask;
mod shape;

use crate::cli::{Framing, NewArgs, PagingKind, Verbosity};
use crate::scaffold::{self, Scaffold};
use crate::{Exit, output, render};
use ask::Questions;
use std::path::Path;
use stixmap_engine::printable;
use stixmap_engine::stix::Kind;

/// What requests begin with where nobody says otherwise.
pub(crate) const BASE_URL: &str = "https://api.example.net";

/// What the author chose.
pub(crate) struct Choices {
    pub(crate) base_url: String,
    pub(crate) auth: crate::cli::AuthKind,
    pub(crate) framing: Framing,
    pub(crate) paging: PagingKind,
    pub(crate) accepts: Vec<Kind>,
}

pub(crate) fn run(args: &NewArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    scaffold::check_name(&args.name)?;
    let choices = Questions::of_terminal().choices(args)?;
    scaffold::check_base_url(&choices.base_url)?;
    let skeleton: Scaffold = shape::skeleton(&args.name, choices);
    written(&skeleton, &args.out, verbosity)
}

/// Writes a skeleton, and tells what was written and what to do with it.
pub(crate) fn written(skeleton: &Scaffold, folder: &Path, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let files = skeleton.write(folder)?;
    let paths: Vec<String> =
        files.iter().map(|path| format!("{}\n", printable::line(&path.to_string_lossy()))).collect();
    output::print(&paths.concat())?;
    if verbosity > Verbosity::Quiet {
        let profile = folder.join(&skeleton.id);
        let profile = profile.display();
        render::remark(&format!(
            "next: make it the provider's own, then `stixmap check {profile}` and `stixmap test {profile}`"
        ));
    }
    Ok(Exit::Fine)
}
