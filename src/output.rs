//! Where data goes: standard output, or a file that appears when it is whole.

use crate::files::named;
use anyhow::Context;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Whatever writes data to its place, piece by piece.
type Fill<'f> = &'f mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>;

/// Refuses a place that cannot be written, before anything is done whose results would be lost.
pub(crate) fn check(path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    named::check_output(path).with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes data to its place.
pub(crate) fn write(path: Option<&Path>, fill: Fill<'_>) -> anyhow::Result<()> {
    match path {
        None => fill_stdout(fill),
        Some(path) => named::write(path, fill).with_context(|| format!("{} cannot be written", path.display())),
    }
}

/// Writes to standard output.
pub(crate) fn to_stdout(data: &[u8]) -> anyhow::Result<()> {
    fill_stdout(&mut |out| out.write_all(data))
}

/// A reader that has had enough, as `head` has, is no error.
fn fill_stdout(fill: Fill<'_>) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match fill(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
