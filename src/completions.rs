//! `stixmap completions`: prints the completion script of a shell. The script calls the program, which completes commands,
//! options, their values, and the names of profiles.

use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::standard_streams::print;
use anyhow::Context;
use clap::CommandFactory;
use clap_complete::env::{CompleteEnv, Shells};

/// Variable by which the script of a shell asks for completions.
const VARIABLE: &str = "STIXMAP_COMPLETE";

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell.to_string()).context("the shell is not supported")?;
    let mut script = vec![];
    shell.write_registration(VARIABLE, "stixmap", "stixmap", "stixmap", &mut script)?;
    print(std::str::from_utf8(&script)?)?;
    Ok(Exit::Success)
}

/// Answers the script of a shell and ends the process, if it was the script that started the program.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).complete();
}
