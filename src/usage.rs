//! Reports errors of the command line.

use crate::cli::Cli;
use crate::render;
use clap::Parser;
use std::process::ExitCode;
use stixmap_engine::printable;

/// Prints an error of the command line, or the requested help, and returns the exit code.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    let arguments = std::env::args_os().map(|text| printable::line(&text.to_string_lossy()).into_owned());
    // The message repeats the arguments: parse them again with unprintable characters escaped.
    match Cli::try_parse_from(arguments) {
        Err(same) => same.exit(),
        Ok(_) => render::remark(error.render().to_string().trim_end()),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX))
}
