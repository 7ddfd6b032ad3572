//! `stixmap completions`: what a shell needs to complete our commands.

use crate::Exit;
use crate::cli::{Cli, CompletionsArgs};
use clap::CommandFactory;

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    clap_complete::generate(args.shell, &mut Cli::command(), "stixmap", &mut std::io::stdout().lock());
    Ok(Exit::Fine)
}
