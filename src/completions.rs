//! `stixmap completions`: what a shell needs to complete our commands.

use crate::Exit;
use crate::cli::{Cli, CompletionsArgs};
use crate::output::to_stdout;
use clap::CommandFactory;

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "stixmap", &mut script);
    to_stdout(&script)?;
    Ok(Exit::Fine)
}
