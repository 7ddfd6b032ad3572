//! A folder named by the user, with untrusted contents.

use super::{Bound, directory, path_walk};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A folder. Links are followed in the path that the user named, and nowhere below it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Root {
    base: PathBuf,
    below: PathBuf,
}

impl Root {
    /// Returns the folder at a path named by the user.
    pub(crate) fn new(path: &Path) -> Root {
        Root { base: path.to_owned(), below: PathBuf::new() }
    }

    /// Returns a folder below this one.
    pub(crate) fn below(&self, name: impl AsRef<Path>) -> Root {
        Root { base: self.base.clone(), below: self.below.join(name) }
    }

    /// Splits a path into the folder and the name of a file.
    pub(crate) fn of(file: &Path) -> io::Result<(Root, &OsStr)> {
        let name = file.file_name().ok_or(ErrorKind::IsADirectory)?;
        Ok((Root::new(file.parent().unwrap_or(Path::new(""))), name))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.base.join(&self.below)
    }

    /// Returns the name of the folder, with links in its path resolved.
    pub(crate) fn name(&self) -> Option<String> {
        Some(self.canonical()?.file_name()?.to_str()?.to_owned())
    }

    /// Returns whether both are the same existing folder.
    pub(crate) fn is_same(&self, other: &Root) -> bool {
        self.canonical().is_some_and(|path| other.canonical() == Some(path))
    }

    /// Returns its path with links resolved.
    fn canonical(&self) -> Option<PathBuf> {
        let path = if self.path().as_os_str().is_empty() { PathBuf::from(".") } else { self.path() };
        std::fs::canonicalize(path).ok()
    }

    fn open(&self) -> io::Result<OwnedFd> {
        self.open_folder(&self.below)
    }

    fn open_folder(&self, below: &Path) -> io::Result<OwnedFd> {
        let mut folder = path_walk::folder(&self.base, None)?;
        for name in directory::names(below)? {
            folder = directory::folder_in(&folder, name)?;
        }
        Ok(folder)
    }

    /// Opens the folder of a file with this name or path; returns it with the file's name.
    fn open_parent<'n>(&self, name: &'n Path) -> io::Result<(OwnedFd, &'n OsStr)> {
        let names = directory::names(name)?;
        let (leaf, _) = names.split_last().ok_or(ErrorKind::InvalidInput)?;
        Ok((self.open_folder(&self.below.join(name.parent().unwrap_or(Path::new(""))))?, leaf))
    }

    /// Returns whether an entry of this name exists, even if reading it would fail, such as a link.
    pub(crate) fn claims(&self, name: impl AsRef<Path>) -> bool {
        let name = name.as_ref();
        match self.open_parent(name).and_then(|(folder, leaf)| directory::kind(folder, leaf)) {
            Ok(kind) => !kind.is_dir(),
            Err(_) => self.path().join(name).exists(),
        }
    }

    /// Lists the names in it, sorted.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = directory::list(self.open()?)?;
        names.sort();
        Ok(names)
    }

    pub(crate) fn read(&self, name: impl AsRef<Path>, bound: Bound) -> io::Result<Vec<u8>> {
        let (folder, leaf) = self.open_parent(name.as_ref())?;
        directory::read(folder, leaf, bound)
    }

    /// Reads at most `most` bytes from the start of a file.
    pub(crate) fn read_start(&self, name: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
        let (folder, leaf) = self.open_parent(name.as_ref())?;
        let mut bytes = vec![];
        directory::open(folder, leaf)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Creates the folder and its parents.
    pub(crate) fn make(&self) -> io::Result<()> {
        let mut folder = path_walk::folder(&self.base, Some(0o777))?;
        for name in directory::names(&self.below)? {
            directory::make(&folder, name, 0o777)?;
            folder = directory::folder_in(&folder, name)?;
        }
        Ok(())
    }

    /// Creates a new folder in it; an existing one is an error.
    pub(crate) fn make_new(&self, name: &str) -> io::Result<()> {
        self.make()?;
        let [name] = directory::names(Path::new(name))?[..] else { return Err(ErrorKind::InvalidInput.into()) };
        directory::make_new(self.open()?, name, 0o777)
    }

    /// Creates new files: all of them, or none.
    pub(crate) fn create(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        let folder = self.open()?;
        for (number, (name, bytes)) in files.iter().enumerate() {
            let [name] = directory::names(Path::new(name))?[..] else { return Err(ErrorKind::InvalidInput.into()) };
            let created = directory::create(&folder, name, 0o666);
            let is_new = created.is_ok();
            if let Err(error) = created.and_then(|mut file| file.write_all(bytes)) {
                for (name, _) in &files[..number + usize::from(is_new)] {
                    // If this fails, the remaining file is complete.
                    let _ = directory::remove(&folder, OsStr::new(name));
                }
                return Err(io::Error::new(error.kind(), format!("{}: {error}", name.display())));
            }
        }
        Ok(())
    }

    /// Writes a file atomically, replacing an existing one.
    pub(crate) fn replace(
        &self,
        name: impl AsRef<Path>,
        fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let (folder, leaf) = self.open_parent(name.as_ref())?;
        directory::replace(folder, leaf, 0o666, fill)
    }

    /// Removes files whose names match and that were last written before a time.
    pub(crate) fn sweep(&self, before: SystemTime, fits: impl Fn(&str) -> bool) -> io::Result<()> {
        sweep(&self.open()?, before, fits)
    }
}

/// Removes regular files whose names match and that were last written before a time.
pub(super) fn sweep(folder: &OwnedFd, before: SystemTime, fits: impl Fn(&str) -> bool) -> io::Result<()> {
    older(folder, before, fits)?.iter().try_for_each(|name| directory::remove(folder, OsStr::new(name)))
}

/// Lists regular files whose names match and that were last written before a time.
pub(super) fn older(folder: &OwnedFd, before: SystemTime, fits: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let is_old = |name: &OsString| {
        directory::open(folder, name).and_then(|file| file.metadata()?.modified()).is_ok_and(|at| at < before)
    };
    let names = directory::list(folder)?.into_iter();
    let fitting = names.filter(|name| name.to_str().is_some_and(&fits) && is_old(name));
    Ok(fitting.filter_map(|name| name.into_string().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn root() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("root/below")).expect("folders");
        fs::write(folder.path().join("outside"), "outside").expect("it can be written");
        let root = Root::new(&folder.path().join("root"));
        (folder, root)
    }

    #[test]
    fn path_outside_of_the_folder_is_rejected() {
        let (folder, root) = root();
        let absolute = folder.path().join("outside");
        symlink("..", folder.path().join("root/up")).expect("a link");
        for name in ["../outside", "below/../../outside", "up/outside", "", ".", "..", absolute.to_str().expect("text")]
        {
            assert!(root.read(name, Bound(9)).is_err(), "{name}");
            assert!(root.replace(name, &mut |out| out.write_all(b"x")).is_err(), "{name}");
            assert!(root.create(&[(name.to_owned(), b"x".to_vec())]).is_err(), "{name}");
        }
        for below in ["..", "up", "below/../..", "/"] {
            assert!(root.below(below).read("outside", Bound(9)).is_err(), "{below}");
            assert!(root.below(below).make_new("made").is_err(), "{below}");
        }
        assert_eq!(fs::read(absolute).expect("it is there"), b"outside");
        assert!(!folder.path().join("made").exists());
    }

    #[test]
    fn failed_creation_leaves_no_file() {
        let (folder, root) = root();
        let files = ["one", "two", "three"].map(|name| (name.to_owned(), name.as_bytes().to_vec()));
        symlink("../outside", folder.path().join("root/three")).expect("a link");
        assert!(root.create(&files).is_err_and(|error| error.kind() == ErrorKind::AlreadyExists));
        assert_eq!(root.names().expect("names"), ["below", "three"]);
        fs::remove_file(folder.path().join("root/three")).expect("it was there");
        root.create(&files).expect("they can be made");
        assert_eq!(root.names().expect("names"), ["below", "one", "three", "two"]);
        assert!(root.create(&files[..1]).is_err());
        assert_eq!(root.read("one", Bound(3)).expect("it is there"), b"one");
    }

    #[test]
    fn failed_replacement_keeps_the_old_file() {
        let (folder, root) = root();
        root.replace("below/file", &mut |out| out.write_all(b"old")).expect("it can be written");
        let path = folder.path().join("root/below/file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("its mode can be set");
        let broken = root.replace("below/file", &mut |out| {
            out.write_all(b"ne")?;
            Err(ErrorKind::StorageFull.into())
        });
        assert!(broken.is_err_and(|error| error.kind() == ErrorKind::StorageFull));
        assert_eq!(root.read("below/file", Bound(3)).expect("it is there"), b"old");
        root.replace("below/file", &mut |out| out.write_all(b"new")).expect("it can be written");
        assert_eq!(fs::metadata(path).expect("it is there").permissions().mode() & 0o777, 0o640);
        assert_eq!(root.below("below").names().expect("names"), ["file"], "no part is left");
        assert!(root.read("below/file", Bound(2)).is_err_and(|error| error.kind() == ErrorKind::FileTooLarge));
    }
}
