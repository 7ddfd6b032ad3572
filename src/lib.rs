//! `stixmap` converts passive-DNS results to STIX 2.1. Each command is a module; `run` dispatches to them.

mod case_file;
mod check;
mod cli;
mod clock;
mod completions;
#[doc(hidden)]
pub mod connector;
mod deploy;
mod diff;
mod draft;
mod driver;
mod enrich;
mod exit;
mod explain;
mod files;
mod output_format;
mod http;
mod http_server;
mod image;
mod list;
mod loopback;
mod man;
mod map;
mod memory;
mod new;
mod standard_streams;
mod render;
mod chunks;
mod progress;
mod profile_names;
mod quote;
mod record;
mod replay;
mod sarif;
mod schema;
mod serve;
mod sections;
mod setting;
mod catalog;
mod scaffold;
mod profile_test;
mod trust;
mod unknown_name;
mod usage;

use clap::Parser;
use cli::{Cli, Command};
use exit::Exit;
use std::process::ExitCode;

/// Parses the command line, runs the command, and returns the exit code of the process.
pub fn run() -> ExitCode {
    completions::answer_shell();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error),
    };
    let verbosity = cli.verbosity();
    let result =
        setting::refuse_unknown_own_variables(&cli::variables()).and_then(|()| command(cli.command, verbosity));
    let exit = result.unwrap_or_else(|error| {
        render::error(&error);
        Exit::NotStarted
    });
    ExitCode::from(exit.code())
}

fn command(command: Command, verbosity: cli::Verbosity) -> anyhow::Result<Exit> {
    match command {
        Command::Enrich(args) => enrich::run(&args, verbosity),
        Command::Map(args) => map::run(&args, verbosity),
        Command::Check(args) => check::run(&args),
        Command::Test(args) => profile_test::run(&args, verbosity),
        Command::Diff(args) => diff::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::List(args) => list::run(&args),
        Command::New(args) => new::run(&args, verbosity),
        Command::Draft(args) => draft::run(&args, verbosity),
        Command::Record(args) => record::run(&args, verbosity),
        Command::Serve(args) => serve::run(&args, verbosity),
        Command::Connector(args) => connector::run(&args),
        Command::Deploy(args) => deploy::run(&args, verbosity),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
