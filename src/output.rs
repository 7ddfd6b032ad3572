//! Where data goes: standard output, or a file that appears when it is whole.

use crate::files::operator_path;
use anyhow::Context;
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::path::Path;
use stixmap_engine::printable;

/// Whatever writes data to its place, piece by piece.
type Fill<'f> = &'f mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>;

/// Refuses a place that cannot be written, before anything is done whose results would be lost.
pub(crate) fn check(path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    operator_path::check_output(path).with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes data to its place.
pub(crate) fn write(path: Option<&Path>, fill: Fill<'_>) -> anyhow::Result<()> {
    match path {
        None => fill_stdout(fill),
        Some(path) => operator_path::write(path, fill).with_context(|| format!("{} cannot be written", path.display())),
    }
}

/// Prints a text for people on standard output. Its own line ends are kept; a value that may hold others is escaped when it
/// is put into its line.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    fill_stdout(&mut |out| out.write_all(printable::lines(text).as_bytes()))
}

/// Prints JSON on standard output.
pub(crate) fn print_json(json: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(json)?;
    fill_stdout(&mut |out| writeln!(out, "{}", printable::json(&text)))
}

/// A reader that has had enough, as `head` has, is no error.
fn fill_stdout(fill: Fill<'_>) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match fill(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
