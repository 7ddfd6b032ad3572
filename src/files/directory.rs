//! Operations on files relative to an open folder, each by name: a later change of the folder's path does not affect them.

use super::Bound;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, mkdirat, openat, renameat, statat, unlinkat};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path};

/// Flags of every open: do not block, do not become the controlling terminal, do not leak to child processes.
const QUIET: OFlags = OFlags::CLOEXEC.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Maximum number of names that are tried for a temporary file.
const NAMES: u32 = 1000;

/// Opens a folder by name in an open folder. A link is an error.
pub(super) fn folder_in(folder: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = QUIET | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    openat(&folder, name, flags, Mode::empty()).map_err(|error| match kind(&folder, name) {
        Ok(FileType::Symlink) => link(name),
        _ => error.into(),
    })
}

/// Splits a relative path into names. `..` and absolute paths are errors.
pub(super) fn names(path: &Path) -> io::Result<Vec<&OsStr>> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let name = |part| match part {
        Component::Normal(name) => Ok(name),
        _ => Err(io::Error::new(ErrorKind::InvalidInput, "the path is not below the folder")),
    };
    parts.map(name).collect()
}

/// Returns the type of the entry at a name, without following a link.
pub(super) fn kind(folder: impl AsFd, name: &OsStr) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode))
}

/// Opens a regular file for reading.
pub(super) fn open(folder: impl AsFd, name: &OsStr) -> io::Result<File> {
    // Opening a device can have side effects.
    regular(kind(&folder, name)?, name)?;
    let file = openat(&folder, name, QUIET | OFlags::RDONLY | OFlags::NOFOLLOW, Mode::empty())?;
    regular(FileType::from_raw_mode(fstat(&file)?.st_mode), name)?;
    Ok(File::from(file))
}

pub(super) fn read(folder: impl AsFd, name: &OsStr, bound: Bound) -> io::Result<Vec<u8>> {
    let file = open(folder, name)?;
    let length = file.metadata()?.len();
    bounded(file, length, bound)
}

/// Reads to the end; more than `bound` is an error. `length` is the announced number of bytes.
pub(crate) fn bounded(from: impl Read, length: u64, bound: Bound) -> io::Result<Vec<u8>> {
    if length > bound.0 {
        return Err(too_large(bound));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    from.take(bound.0 + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bound.0 { Err(too_large(bound)) } else { Ok(bytes) }
}

pub(crate) fn too_large(bound: Bound) -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, format!("larger than {bound}"))
}

/// Creates a new file; an existing one is an error.
pub(super) fn create(folder: impl AsFd, name: &OsStr, mode: u32) -> io::Result<File> {
    let flags = QUIET | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    Ok(File::from(openat(folder, name, flags, Mode::from_raw_mode(mode))?))
}

/// Overwrites or creates a regular file. Not atomic: a crash can leave a part of the content.
pub(super) fn write(folder: impl AsFd, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
    let flags = QUIET | OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW;
    let file = openat(folder, name, flags, Mode::from_raw_mode(0o600))?;
    regular(FileType::from_raw_mode(fstat(&file)?.st_mode), name)?;
    let mut file = File::from(file);
    file.set_len(0)?;
    file.write_all(bytes)
}

/// Writes a file atomically, by a temporary file that is renamed. An existing file must be regular.
pub(super) fn replace(
    folder: impl AsFd,
    name: &OsStr,
    mode: u32,
    fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let before = match open(&folder, name) {
        Ok(file) => Some(file.metadata()?),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let (part, file) = part(&folder, name, mode)?;
    let written = (|| {
        let mut file = io::BufWriter::new(file);
        fill(&mut file)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        // Permissions are not taken from a file of another user.
        if let Some(before) = before.filter(|before| before.uid() == user()) {
            file.set_permissions(Permissions::from_mode(before.mode() & 0o777))?;
        }
        Ok(renameat(&folder, &part, &folder, name)?)
    })();
    if written.is_err() {
        // A remaining temporary file is harmless.
        let _ = unlinkat(&folder, &part, AtFlags::empty());
    }
    written
}

/// Checks that a file of this name can be written, by creating a temporary file.
pub(super) fn check(folder: impl AsFd, name: &OsStr) -> io::Result<()> {
    let (part, _) = part(&folder, name, 0o600)?;
    Ok(unlinkat(&folder, &part, AtFlags::empty())?)
}

/// Creates a temporary file in the same folder.
fn part(folder: impl AsFd, name: &OsStr, mode: u32) -> io::Result<(OsString, File)> {
    let mut taken = io::Error::from(ErrorKind::AlreadyExists);
    for number in 0..NAMES {
        let mut part = OsString::from(".");
        part.push(name);
        part.push(format!(".{}-{number}.part", std::process::id()));
        match create(&folder, &part, mode) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => taken = error,
            made => return Ok((part, made?)),
        }
    }
    Err(taken)
}

/// Creates a folder if it does not exist.
pub(super) fn make(folder: impl AsFd, name: &OsStr, mode: u32) -> io::Result<()> {
    match make_new(folder, name, mode) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Creates a new folder; an existing one is an error.
pub(super) fn make_new(folder: impl AsFd, name: &OsStr, mode: u32) -> io::Result<()> {
    Ok(mkdirat(folder, name, Mode::from_raw_mode(mode))?)
}

/// Removes a regular file.
pub(super) fn remove(folder: impl AsFd, name: &OsStr) -> io::Result<()> {
    regular(kind(&folder, name)?, name)?;
    Ok(unlinkat(&folder, name, AtFlags::empty())?)
}

pub(super) fn rename(folder: impl AsFd, from: &OsStr, to: &OsStr) -> io::Result<()> {
    Ok(renameat(&folder, from, &folder, to)?)
}

/// Lists the names in a folder.
pub(super) fn list(folder: impl AsFd) -> io::Result<Vec<OsString>> {
    let mut names = vec![];
    for entry in rustix::fs::Dir::read_from(folder)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

/// Returns the effective user id of the process.
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns an error that states the type of an entry if it is not a regular file.
pub(super) fn regular(kind: FileType, name: &OsStr) -> io::Result<()> {
    let what = match kind {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => return Err(link(name)),
        FileType::Directory => return Err(ErrorKind::IsADirectory.into()),
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of an unknown kind",
    };
    let message = format!("`{}` is {what}, not a regular file", name.display());
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

fn link(name: &OsStr) -> io::Error {
    let message = format!("`{}` is a symbolic link, which is not followed here", name.display());
    io::Error::new(ErrorKind::InvalidInput, message)
}
