//! Files named by the operator in an argument or a variable. Links are followed, and their targets must be regular files;
//! inputs and outputs can also be pipes or terminals.

use super::path_walk::{self, End};
use super::{Bound, directory};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat, stat};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Reads a regular file of at most `bound` bytes.
pub(crate) fn read(path: &Path, bound: Bound) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    directory::bounded(file, length, bound)
}

pub(crate) fn read_text(path: &Path, bound: Bound) -> io::Result<String> {
    text(read(path, bound)?)
}

/// Reads an input: a regular file, a pipe, a terminal, or `-` for standard input.
pub(crate) fn read_input(path: &Path, bound: Bound) -> io::Result<Vec<u8>> {
    let (from, length) = input(path)?;
    directory::bounded(from, length, bound)
}

/// Converts to text. The error does not repeat the bytes, which may be a secret.
pub(crate) fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "not valid UTF-8"))
}

fn open(path: &Path) -> io::Result<File> {
    directory::regular(FileType::from_raw_mode(stat(path)?.st_mode), path.as_os_str())?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat(CWD, path, flags, Mode::empty())?;
    directory::regular(FileType::from_raw_mode(fstat(&file)?.st_mode), path.as_os_str())?;
    Ok(File::from(file))
}

/// Opens an input; returns a reader and the announced length, 0 if unknown. `-` is standard input.
pub(crate) fn input(path: &Path) -> io::Result<(Box<dyn Read>, u64)> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), 0));
    }
    let kind = FileType::from_raw_mode(stat(path)?.st_mode);
    if !matches!(kind, FileType::Fifo | FileType::CharacterDevice) {
        let file = open(path)?;
        let length = file.metadata()?.len();
        return Ok((Box::new(file), length));
    }
    let file = File::open(path)?;
    // Other devices are infinite, or reading has side effects.
    let known = file.metadata()?;
    let is_null = std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == known.rdev());
    if !known.file_type().is_fifo() && !file.is_terminal() && !is_null {
        directory::regular(kind, path.as_os_str())?;
    }
    Ok((Box::new(file), 0))
}

/// Returns whether the path is a regular file or a link to one.
pub(crate) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Returns whether the path is a folder or a link to one.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// Lists the entries of a folder; none if it is not a folder.
pub(crate) fn files_of(path: &Path) -> Option<Vec<PathBuf>> {
    Some(std::fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()).collect())
}

/// Destination of an output.
enum Destination {
    /// A regular file, or a new one: replaced atomically.
    File(End),
    /// A pipe, a terminal or `/dev/null`: opened, because replacing it would remove it for other programs.
    Stream(End),
}

/// Determines the destination. In a shared folder, another user may have created a link or a pipe at the path.
fn destination(path: &Path) -> io::Result<Destination> {
    let end = path_walk::to(path)?;
    let is_foreign = end.entry.is_some_and(|entry| ![0, directory::user()].contains(&entry.st_uid));
    match end.kind() {
        None | Some(FileType::RegularFile) => Ok(Destination::File(end)),
        Some(FileType::Directory) => Err(ErrorKind::IsADirectory.into()),
        Some(FileType::BlockDevice) => {
            Err(io::Error::new(ErrorKind::InvalidInput, "a block device cannot be an output"))
        }
        Some(FileType::CharacterDevice) => Ok(Destination::Stream(end)),
        Some(_) if is_foreign => {
            let message = "owned by another user, and not a regular file";
            Err(io::Error::new(ErrorKind::PermissionDenied, message))
        }
        Some(_) => Ok(Destination::Stream(end)),
    }
}

/// Opens the entry that was examined, and verifies that it was not replaced meanwhile.
fn stream(end: &End) -> io::Result<File> {
    let is_of_system = end.kind() == Some(FileType::Symlink);
    let flags = if is_of_system { OFlags::WRONLY } else { OFlags::WRONLY | OFlags::NOFOLLOW };
    let file = openat(&end.folder, &end.name, flags | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let (known, opened) = (end.entry.map(|entry| (entry.st_dev, entry.st_ino)), fstat(&file)?);
    if !is_of_system && known != Some((opened.st_dev, opened.st_ino)) {
        return Err(io::Error::other("replaced while it was opened"));
    }
    Ok(File::from(file))
}

/// Checks that an output can be written. A pipe is not opened: that would wait for its reader.
pub(crate) fn check_output(path: &Path) -> io::Result<()> {
    match destination(path)? {
        Destination::Stream(_) => Ok(()),
        Destination::File(end) => directory::check(&end.folder, &end.name),
    }
}

/// Writes an output; a file atomically.
pub(crate) fn write(path: &Path, fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    match destination(path)? {
        Destination::Stream(end) => fill(&mut stream(&end)?),
        Destination::File(end) => directory::replace(&end.folder, &end.name, 0o666, fill),
    }
}

/// Reads a file of the system, such as one below `/proc/self`.
pub(crate) fn ask_system(path: &str) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(Bound::VALUE.0).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file of the system, such as one below `/proc/self`.
pub(crate) fn tell_system(path: &str, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}
