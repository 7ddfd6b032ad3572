//! Where data goes: standard output, or a file that appears when it is whole.

use anyhow::Context;
use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Whatever writes data to its place, piece by piece.
type Fill<'f> = &'f mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>;

/// Refuses a place that cannot be written, before anything is done whose results would be lost.
pub(crate) fn check(path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let is_special = std::fs::metadata(path).is_ok_and(|known| !known.is_file());
    let checked = match is_special {
        // A pipe is not opened: that would wait for its reader.
        true if path.is_dir() => Err(ErrorKind::IsADirectory.into()),
        true => Ok(()),
        false => tempfile::tempfile_in(folder_of(path)).map(drop),
    };
    checked.with_context(|| format!("{} cannot be written", path.display()))
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes data to its place.
pub(crate) fn write(path: Option<&Path>, fill: Fill<'_>) -> anyhow::Result<()> {
    match path {
        None => fill_stdout(fill),
        Some(path) => to_file(path, fill).with_context(|| format!("{} cannot be written", path.display())),
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

/// A regular file, or one that is not there yet, is replaced as a whole. Anything else (`/dev/null`, a pipe) is written to:
/// to put a file in its place would take it away from everybody.
fn to_file(path: &Path, fill: Fill<'_>) -> anyhow::Result<()> {
    let is_special = std::fs::metadata(path).is_ok_and(|known| !known.is_file());
    if is_special {
        return Ok(fill(&mut OpenOptions::new().write(true).open(path)?)?);
    }
    // The umask takes away what nobody else may do, as with any new file. A link stays a link: what it leads to is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut part = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder_of(&path))?;
    fill(&mut part)?;
    if let Ok(known) = std::fs::metadata(&path) {
        part.as_file().set_permissions(known.permissions())?;
    }
    part.persist(&path)?;
    Ok(())
}
