//! Files that the operator names: in an argument, in a variable. A link is followed, and what it leads to is a regular file;
//! data may also come from a pipe or a terminal, and go to one.

use super::path_walk::{self, End};
use super::{Bound, directory};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat, stat};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

pub(crate) fn read(path: &Path, bound: Bound) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    directory::bounded(file, length, bound)
}

pub(crate) fn read_text(path: &Path, bound: Bound) -> io::Result<String> {
    text(read(path, bound)?)
}

/// Reads from wherever data may come.
pub(crate) fn read_input(path: &Path, bound: Bound) -> io::Result<Vec<u8>> {
    let (from, length) = input(path)?;
    directory::bounded(from, length, bound)
}

/// The bytes are not repeated: they may be a secret.
pub(crate) fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn open(path: &Path) -> io::Result<File> {
    directory::regular(FileType::from_raw_mode(stat(path)?.st_mode), path.as_os_str())?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat(CWD, path, flags, Mode::empty())?;
    directory::regular(FileType::from_raw_mode(fstat(&file)?.st_mode), path.as_os_str())?;
    Ok(File::from(file))
}

/// Where data comes from, and how long it says that it is; `-` is standard input.
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
    // Other devices do not end, or do something when they are read.
    let known = file.metadata()?;
    let is_null = std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == known.rdev());
    if !known.file_type().is_fifo() && !file.is_terminal() && !is_null {
        directory::regular(kind, path.as_os_str())?;
    }
    Ok((Box::new(file), 0))
}

/// Whether a regular file, or a link to one, is there.
pub(crate) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Whether a folder, or a link to one, is there.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// The files of a folder; none if it is no folder.
pub(crate) fn files_of(path: &Path) -> Option<Vec<PathBuf>> {
    Some(std::fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()).collect())
}

/// Where data goes.
enum Destination {
    /// A regular file, or none yet: it is replaced as a whole.
    File(End),
    /// A pipe, a terminal, `/dev/null`: to put a file in its place would take it away from everybody.
    Stream(End),
}

/// In a folder for all, others may have put a link or a pipe where the operator expects nothing.
fn place(path: &Path) -> io::Result<Destination> {
    let end = path_walk::to(path)?;
    let is_foreign = end.entry.is_some_and(|entry| ![0, directory::user()].contains(&entry.st_uid));
    match end.kind() {
        None | Some(FileType::RegularFile) => Ok(Destination::File(end)),
        Some(FileType::Directory) => Err(ErrorKind::IsADirectory.into()),
        Some(FileType::BlockDevice) => Err(io::Error::new(ErrorKind::InvalidInput, "it is a block device")),
        Some(FileType::CharacterDevice) => Ok(Destination::Stream(end)),
        Some(_) if is_foreign => {
            let message = "it belongs to another user, and is no regular file";
            Err(io::Error::new(ErrorKind::PermissionDenied, message))
        }
        Some(_) => Ok(Destination::Stream(end)),
    }
}

/// Opens the very thing that was looked at: not what was put in its place meanwhile.
fn stream(end: &End) -> io::Result<File> {
    let is_of_system = end.kind() == Some(FileType::Symlink);
    let flags = if is_of_system { OFlags::WRONLY } else { OFlags::WRONLY | OFlags::NOFOLLOW };
    let file = openat(&end.folder, &end.name, flags | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let (known, opened) = (end.entry.map(|entry| (entry.st_dev, entry.st_ino)), fstat(&file)?);
    if !is_of_system && known != Some((opened.st_dev, opened.st_ino)) {
        return Err(io::Error::other("it was replaced while it was opened"));
    }
    Ok(File::from(file))
}

/// Refuses a place that cannot be written. A pipe is not opened: that would wait for its reader.
pub(crate) fn check_output(path: &Path) -> io::Result<()> {
    match place(path)? {
        Destination::Stream(_) => Ok(()),
        Destination::File(end) => directory::check(&end.folder, &end.name),
    }
}

/// Writes data to its place: a file appears when it is whole.
pub(crate) fn write(path: &Path, fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    match place(path)? {
        Destination::Stream(end) => fill(&mut stream(&end)?),
        Destination::File(end) => directory::replace(&end.folder, &end.name, 0o666, fill),
    }
}

/// Reads a file that the system has there, such as one below `/proc/self`.
pub(crate) fn ask_system(path: &str) -> io::Result<String> {
    let mut told = String::new();
    File::open(path)?.take(Bound::VALUE.0).read_to_string(&mut told)?;
    Ok(told)
}

/// Writes to a file that the system has there, such as one below `/proc/self`.
pub(crate) fn tell_system(path: &str, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}
