//! Walks a path component by component: each folder is opened relative to the previous one, and a link is followed only if
//! this user or root owns it. No other user can redirect the walk, not even between check and use.

use super::directory;
use rustix::fs::{CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, Stat, fstat, fstatfs, openat, readlinkat};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// Maximum number of links in one walk; Linux has the same limit.
const MAX_LINKS: usize = 40;

const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// End of a walk: an open folder, a name in it, and the entry at this name, if it exists.
pub(super) struct End {
    pub(super) folder: OwnedFd,
    pub(super) name: OsString,
    pub(super) entry: Option<Stat>,
}

impl End {
    pub(super) fn kind(&self) -> Option<FileType> {
        self.entry.map(|entry| FileType::from_raw_mode(entry.st_mode))
    }
}

/// A walk in progress: the current folder and the remaining names.
struct PathWalk {
    folder: OwnedFd,
    steps: VecDeque<OsString>,
    links: usize,
}

impl PathWalk {
    fn new(path: &Path) -> io::Result<PathWalk> {
        Ok(PathWalk { folder: start(path)?, steps: steps(path), links: 0 })
    }

    /// Continues at the target of a link.
    fn follow(&mut self, link: &OwnedFd, known: &Stat, name: &OsStr) -> io::Result<()> {
        self.links += 1;
        let target = followed(link, known, name, self.links)?;
        if target.is_absolute() {
            self.folder = start(&target)?;
        }
        let mut steps = steps(&target);
        steps.append(&mut self.steps);
        self.steps = steps;
        Ok(())
    }
}

/// Walks a path to its last name. A final link in `/proc` is not resolved: it refers to an open file, not to a path.
pub(super) fn to(path: &Path) -> io::Result<End> {
    let mut walk = PathWalk::new(path)?;
    while let Some(name) = walk.steps.pop_front() {
        if name == ".." {
            walk.folder = openat(&walk.folder, "..", LOOK | OFlags::DIRECTORY, Mode::empty())?;
            continue;
        }
        let is_last = walk.steps.is_empty();
        let entry = match openat(&walk.folder, &name, LOOK, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) if is_last => return Ok(End { folder: walk.folder, name, entry: None }),
            entry => entry?,
        };
        let known = fstat(&entry)?;
        match FileType::from_raw_mode(known.st_mode) {
            FileType::Symlink if !(is_last && is_of_system(&walk.folder)?) => walk.follow(&entry, &known, &name)?,
            _ if is_last => return Ok(End { folder: walk.folder, name, entry: Some(known) }),
            FileType::Directory => walk.folder = entry,
            _ => return Err(ErrorKind::NotADirectory.into()),
        }
    }
    Err(ErrorKind::IsADirectory.into())
}

/// Opens the folder at a path; creates missing folders if a mode is given.
pub(super) fn folder(path: &Path, made: Option<u32>) -> io::Result<OwnedFd> {
    walk(path, made, |_, _| Ok(()))
}

/// Opens or creates a folder whose path no other user can change: this user or root owns each parent, and it is not writable by
/// others, or is sticky as `/tmp` (like StrictModes of OpenSSH).
pub(super) fn private_folder(path: &Path, made: u32) -> io::Result<OwnedFd> {
    walk(&std::path::absolute(path)?, Some(made), |folder, name| {
        let known = fstat(folder)?;
        let mode = known.st_mode & 0o7777;
        let why = match (mode & 0o022, mode & 0o1000) {
            _ if ![0, directory::user()].contains(&known.st_uid) => {
                format!("belongs to another user (uid {})", known.st_uid)
            }
            (1.., 0) => format!("is writable by other users (mode {mode:04o})"),
            _ => return Ok(()),
        };
        let message = format!("the folder that holds `{}` {why}", name.display());
        Err(io::Error::new(ErrorKind::PermissionDenied, message))
    })
}

/// Walks to a folder; `check` validates each folder before a name is opened in it.
fn walk(path: &Path, made: Option<u32>, check: impl Fn(&OwnedFd, &OsStr) -> io::Result<()>) -> io::Result<OwnedFd> {
    let mut walk = PathWalk::new(path)?;
    while let Some(name) = walk.steps.pop_front() {
        check(&walk.folder, &name)?;
        if let Some(mode) = made.filter(|_| name != "..") {
            match directory::make(&walk.folder, &name, mode) {
                // It may exist nevertheless, and is opened below.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                made => made?,
            }
        }
        let entry = openat(&walk.folder, &name, LOOK, Mode::empty())?;
        let known = fstat(&entry)?;
        match FileType::from_raw_mode(known.st_mode) {
            // A link in `/proc/self/fd` refers to an open folder.
            FileType::Symlink if is_of_system(&walk.folder)? => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                walk.folder = openat(&walk.folder, &name, flags, Mode::empty())?;
            }
            FileType::Symlink => walk.follow(&entry, &known, &name)?,
            FileType::Directory => walk.folder = entry,
            _ => return Err(ErrorKind::NotADirectory.into()),
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(&walk.folder, ".", flags, Mode::empty())?)
}

fn start(path: &Path) -> io::Result<OwnedFd> {
    let start = if path.is_absolute() { "/" } else { "." };
    Ok(openat(CWD, start, LOOK | OFlags::DIRECTORY, Mode::empty())?)
}

fn steps(path: &Path) -> VecDeque<OsString> {
    let step = |part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(step).collect()
}

/// Returns the target of a link, read from the opened link whose owner was checked.
fn followed(link: &OwnedFd, known: &Stat, name: &OsStr, links: usize) -> io::Result<PathBuf> {
    if ![0, directory::user()].contains(&known.st_uid) {
        let message = format!("`{}` is a link of another user (uid {})", name.display(), known.st_uid);
        return Err(io::Error::new(ErrorKind::PermissionDenied, message));
    }
    if links > MAX_LINKS {
        return Err(io::Error::other("too many symbolic links"));
    }
    Ok(PathBuf::from(OsString::from_vec(readlinkat(link, "", vec![])?.into_bytes())))
}

fn is_of_system(folder: &OwnedFd) -> io::Result<bool> {
    Ok(fstatfs(folder)?.f_type == PROC_SUPER_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{lchown, symlink};

    #[test]
    fn link_of_another_user_is_not_followed() {
        let folder_path = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder_path.path().join(name);
        fs::create_dir_all(path("real/below")).expect("a folder");
        fs::write(path("real/file"), b"x").expect("a file");
        for (target, name) in [("real", "own"), ("own", "twice"), ("real/file", "to-file"), ("real", "foreign")] {
            symlink(target, path(name)).expect("a link");
        }
        symlink("real/file", path("foreign-file")).expect("a link");
        for name in ["foreign", "foreign-file"] {
            lchown(path(name), Some(65_534), None).expect("its owner can be set");
        }
        symlink("loop", path("loop")).expect("a link");
        for name in ["real", "own", "twice", "own/below", "twice/below/.."] {
            assert!(folder(&path(name), None).is_ok(), "{name}");
        }
        for name in ["real/file", "own/file", "to-file", "twice/../real/file"] {
            let end = to(&path(name)).expect(name);
            assert_eq!((end.kind(), end.name.to_str()), (Some(FileType::RegularFile), Some("file")), "{name}");
        }
        assert!(to(&path("own/new")).is_ok_and(|end| end.entry.is_none()));
        for name in ["foreign/file", "foreign-file", "foreign/below", "loop", "real/file/x", "missing/x"] {
            assert!(to(&path(name)).is_err(), "{name}");
            assert!(folder(&path(name), None).is_err(), "{name}");
        }
        assert!(folder(&path("foreign/made"), Some(0o700)).is_err() && !path("real/made").exists());
        assert!(folder(&path("own/made/too"), Some(0o700)).is_ok() && path("real/made/too").is_dir());
        // A file that was replaced by a link after the check is not written.
        let end = to(&path("real/file")).expect("a file");
        fs::remove_file(path("real/file")).and_then(|()| symlink("/etc/passwd", path("real/file"))).expect("a link");
        let written = directory::replace(&end.folder, &end.name, 0o600, &mut |out| out.write_all(b"y"));
        assert!(written.is_err());
    }
}
