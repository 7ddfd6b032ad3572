//! `stixmap new`: generates a profile and its first case from the author's choices. On a terminal it asks for choices
//! that no flag specifies; otherwise it uses common defaults.

mod ask;
mod choices;
mod shape;

pub(crate) use choices::BASE_URL;

use crate::cli::{NewArgs, Verbosity};
use crate::exit::Exit;
use crate::scaffold::{self, Scaffold};
use crate::{render, standard_streams};
use ask::Questions;
use std::path::Path;
use stixmap_engine::printable;

pub(crate) fn run(args: &NewArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    scaffold::check_name(&args.name)?;
    let choices = Questions::of_terminal().choices(args)?;
    scaffold::check_base_url(&choices.base_url)?;
    let scaffold: Scaffold = shape::scaffold(&args.name, choices);
    written(&scaffold, &args.out, verbosity)
}

/// Writes a profile, and reports the files and the next steps.
pub(crate) fn written(scaffold: &Scaffold, folder: &Path, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let files = scaffold.write(folder)?;
    let paths: Vec<String> =
        files.iter().map(|path| format!("{}\n", printable::line(&path.to_string_lossy()))).collect();
    standard_streams::print(&paths.concat())?;
    if verbosity > Verbosity::Quiet {
        let profile = folder.join(&scaffold.id);
        let profile = profile.display();
        render::remark(&format!(
            "next: adapt it to the provider, then run `stixmap check {profile}` and `stixmap test {profile}`"
        ));
    }
    Ok(Exit::Success)
}
