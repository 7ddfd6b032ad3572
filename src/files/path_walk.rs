//! The way to a file, taken step by step: each folder is opened in the one before it, and a link is followed only if it is this
//! user's or root's. Nobody else can lead the way elsewhere, not even between two looks at it.

use super::directory;
use rustix::fs::{CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, Stat, fstat, fstatfs, openat, readlinkat};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// Maximum number of links on one way, as Linux has it.
const MAX_LINKS: usize = 40;

const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What a path leads to: a name in an open folder, and what stands there now, if anything does.
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

/// A way that is being taken: the folder it has come to, and the names that are left.
struct PathWalk {
    folder: OwnedFd,
    steps: VecDeque<OsString>,
    links: usize,
}

impl PathWalk {
    fn new(path: &Path) -> io::Result<PathWalk> {
        Ok(PathWalk { folder: start(path)?, steps: steps(path), links: 0 })
    }

    /// Goes on where a link leads.
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

/// Follows a path to its last name. A link of `/proc` stays one: it leads to what is open, not to a path.
pub(super) fn to(path: &Path) -> io::Result<End> {
    let mut way = PathWalk::new(path)?;
    while let Some(name) = way.steps.pop_front() {
        if name == ".." {
            way.folder = openat(&way.folder, "..", LOOK | OFlags::DIRECTORY, Mode::empty())?;
            continue;
        }
        let is_last = way.steps.is_empty();
        let entry = match openat(&way.folder, &name, LOOK, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) if is_last => return Ok(End { folder: way.folder, name, entry: None }),
            entry => entry?,
        };
        let known = fstat(&entry)?;
        match FileType::from_raw_mode(known.st_mode) {
            FileType::Symlink if !(is_last && is_of_system(&way.folder)?) => way.follow(&entry, &known, &name)?,
            _ if is_last => return Ok(End { folder: way.folder, name, entry: Some(known) }),
            FileType::Directory => way.folder = entry,
            _ => return Err(ErrorKind::NotADirectory.into()),
        }
    }
    Err(ErrorKind::IsADirectory.into())
}

/// Opens the folder at a path; makes what is missing of it, if a mode is given.
pub(super) fn folder(path: &Path, made: Option<u32>) -> io::Result<OwnedFd> {
    walk(path, made, |_, _| Ok(()))
}

/// The same where nobody else can take away a folder that the way goes through, or put another in its place: each belongs to
/// this user or to root, and is closed to others, or sticky as `/tmp` is (as OpenSSH's StrictModes has it).
pub(super) fn private_folder(path: &Path, made: u32) -> io::Result<OwnedFd> {
    walk(&std::path::absolute(path)?, Some(made), |folder, name| {
        let known = fstat(folder)?;
        let mode = known.st_mode & 0o7777;
        let why = match (mode & 0o022, mode & 0o1000) {
            _ if ![0, directory::user()].contains(&known.st_uid) => {
                format!("belongs to another user (uid {})", known.st_uid)
            }
            (1.., 0) => format!("may be written by others (mode {mode:04o})"),
            _ => return Ok(()),
        };
        let message = format!("the folder that holds `{}` {why}", name.display());
        Err(io::Error::new(ErrorKind::PermissionDenied, message))
    })
}

/// Takes the way to a folder; `check` looks at each folder in which a name is looked up.
fn walk(path: &Path, made: Option<u32>, check: impl Fn(&OwnedFd, &OsStr) -> io::Result<()>) -> io::Result<OwnedFd> {
    let mut way = PathWalk::new(path)?;
    while let Some(name) = way.steps.pop_front() {
        check(&way.folder, &name)?;
        if let Some(mode) = made.filter(|_| name != "..") {
            match directory::make(&way.folder, &name, mode) {
                // It may be there all the same, and is opened below.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                made => made?,
            }
        }
        let entry = openat(&way.folder, &name, LOOK, Mode::empty())?;
        let known = fstat(&entry)?;
        match FileType::from_raw_mode(known.st_mode) {
            // What `/proc/self/fd` names is a folder that is open already.
            FileType::Symlink if is_of_system(&way.folder)? => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                way.folder = openat(&way.folder, &name, flags, Mode::empty())?;
            }
            FileType::Symlink => way.follow(&entry, &known, &name)?,
            FileType::Directory => way.folder = entry,
            _ => return Err(ErrorKind::NotADirectory.into()),
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(&way.folder, ".", flags, Mode::empty())?)
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

/// Where a link leads, read from the very link whose owner is known.
fn followed(link: &OwnedFd, known: &Stat, name: &OsStr, links: usize) -> io::Result<PathBuf> {
    if ![0, directory::user()].contains(&known.st_uid) {
        let message = format!("`{}` is a link of another user (uid {})", name.display(), known.st_uid);
        return Err(io::Error::new(ErrorKind::PermissionDenied, message));
    }
    if links > MAX_LINKS {
        return Err(io::Error::other("too many links lead to it"));
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
    fn way_follows_links_of_this_user_and_root_only() {
        let place = tempfile::tempdir().expect("a folder");
        let path = |name: &str| place.path().join(name);
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
        // What others put there after it was looked at is not written to.
        let end = to(&path("real/file")).expect("a file");
        fs::remove_file(path("real/file")).and_then(|()| symlink("/etc/passwd", path("real/file"))).expect("a link");
        let written = directory::replace(&end.folder, &end.name, 0o600, &mut |out| out.write_all(b"y"));
        assert!(written.is_err());
    }
}
