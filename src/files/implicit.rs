//! A file that lies where it is looked for, although nobody named it. In a folder that others can write, one of them may have
//! put it there: so it is read only where it and its folder belong to this user or to root, and nobody else may write them.

use super::{Bound, directory, operator_path};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// So many links, one after the other, are followed; Linux has the same limit.
const MAX_LINKS: usize = 40;

/// Reads the file; none if there is none.
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
        // A link leads where its owner wants, or whoever can write its folder.
        owned(&entry, "it")?;
        folder(&path)?;
        path = path.parent().unwrap_or(Path::new("")).join(std::fs::read_link(&path)?);
    }
    Err(io::Error::other("too many links lead to it"))
}

fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Reads a file after it and its folder were found to be of this user or root alone.
fn checked(path: &Path, bound: Bound) -> io::Result<Vec<u8>> {
    let (folder, name) = (folder(path)?, path.file_name().unwrap_or(OsStr::new("")));
    let file = directory::open(folder, name)?;
    let known = file.metadata()?;
    owned(&known, "it")?;
    closed(&known, "it")?;
    directory::bounded(file, known.len(), bound)
}

fn folder(path: &Path) -> io::Result<File> {
    let folder = File::from(directory::folder(path.parent().unwrap_or(Path::new("")))?);
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

/// Sticky or not: where others may make files, one of theirs may be found.
fn closed(known: &Metadata, what: &str) -> io::Result<()> {
    match known.mode() & 0o022 {
        0 => Ok(()),
        _ => refused(format!("others may write {what} (mode {:04o})", known.mode() & 0o7777)),
    }
}

fn refused(why: String) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::PermissionDenied, why))
}
