//! Where data goes: standard output, or a file that appears when it is whole.

use anyhow::Context;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes data to its place.
pub(crate) fn write(path: Option<&Path>, data: &[u8]) -> anyhow::Result<()> {
    match path {
        None => to_stdout(data),
        Some(path) => to_file(path, data).with_context(|| format!("{} cannot be written", path.display())),
    }
}

/// Writes to standard output. A reader that has had enough, as `head` has, is no error.
pub(crate) fn to_stdout(data: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(data).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn to_file(path: &Path, data: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut part = tempfile::NamedTempFile::new_in(folder)?;
    part.write_all(data)?;
    part.persist(path)?;
    Ok(())
}
