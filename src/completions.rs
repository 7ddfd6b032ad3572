//! `stixmap completions`: prints a completion script for a shell.

use crate::Exit;
use crate::cli::{Cli, CompletionsArgs};
use crate::standard_streams::print;
use clap::CommandFactory;

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "stixmap", &mut script);
    print(std::str::from_utf8(&script)?)?;
    Ok(Exit::Success)
}
