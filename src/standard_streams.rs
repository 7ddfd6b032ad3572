//! Writes data to standard output, or atomically to a file.

use crate::files::operator_path;
use anyhow::Context;
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::path::Path;
use stixmap_engine::printable;

/// A function that writes the data piece by piece.
type Fill<'f> = &'f mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>;

/// Checks that the output can be written, before any request whose result would be lost.
pub(crate) fn check(path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    operator_path::check_output(path).with_context(|| format!("failed to write {}", path.display()))
}

/// Writes data to the file at `path`, or to standard output.
pub(crate) fn write(path: Option<&Path>, fill: Fill<'_>) -> anyhow::Result<()> {
    match path {
        None => fill_stdout(fill),
        Some(path) => operator_path::write(path, fill).with_context(|| format!("failed to write {}", path.display())),
    }
}

/// Prints text to standard output, with unprintable characters escaped. Line ends are kept: callers escape those in values.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    fill_stdout(&mut |out| out.write_all(printable::lines(text).as_bytes()))
}

/// Prints JSON to standard output, with unprintable characters escaped.
pub(crate) fn print_json(json: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(json)?;
    fill_stdout(&mut |out| writeln!(out, "{}", printable::json(&text)))
}

/// Writes to standard output. A closed pipe, as from `head`, is not an error.
fn fill_stdout(fill: Fill<'_>) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match fill(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
