//! Reads a file at a default location that the operator did not name. Another user could have created it in a writable folder:
//! it is read only if this user or root owns it and its folder, and no other user can write them.

use super::{Bound, directory, operator_path, path_walk};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Maximum number of links that are followed; Linux has the same limit.
const MAX_LINKS: usize = 40;

/// Reads the file; none if it does not exist.
pub(crate) fn read(path: &Path, bound: Bound) -> io::Result<Option<String>> {
    let mut path = path.to_owned();
    for links in 0..MAX_LINKS {
        let entry = match std::fs::symlink_metadata(&path) {
            Err(error) if links == 0 && is_absence(error.kind()) => return Ok(None),
            entry => entry?,
        };
        if !entry.is_symlink() {
            return operator_path::text(checked(&path, bound)?).map(Some);
        }
        // The target of a link is chosen by its owner, and by everyone who can write its folder.
        owned(&entry, "the link")?;
        folder(&path)?;
        path = path.parent().unwrap_or(Path::new("")).join(std::fs::read_link(&path)?);
    }
    Err(io::Error::other("too many symbolic links"))
}

fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Reads a file after checking owner and mode of it and its folder.
fn checked(path: &Path, bound: Bound) -> io::Result<Vec<u8>> {
    let (folder, name) = (folder(path)?, path.file_name().unwrap_or(OsStr::new("")));
    let file = directory::open(folder, name)?;
    let known = file.metadata()?;
    owned(&known, "the file")?;
    closed(&known, "the file")?;
    directory::bounded(file, known.len(), bound)
}

fn folder(path: &Path) -> io::Result<File> {
    let folder = File::from(path_walk::folder(path.parent().unwrap_or(Path::new("")), None)?);
    let known = folder.metadata()?;
    owned(&known, "its folder")?;
    closed(&known, "its folder")?;
    Ok(folder)
}

fn owned(known: &Metadata, what: &str) -> io::Result<()> {
    if [0, directory::user()].contains(&known.uid()) {
        return Ok(());
    }
    refused(format!("{what} belongs to another user (uid {})", known.uid()))
}

/// Returns an error if other users can write. The sticky bit does not help: they can still create files.
fn closed(known: &Metadata, what: &str) -> io::Result<()> {
    match known.mode() & 0o022 {
        0 => Ok(()),
        _ => refused(format!("{what} is writable by other users (mode {:04o})", known.mode() & 0o7777)),
    }
}

fn refused(why: String) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::PermissionDenied, why))
}
