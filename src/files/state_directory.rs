//! Persistent state in a private folder. The folder is opened once: a later change of its path does not affect which files are
//! read, written or removed.

use super::{Bound, directory, path_walk, untrusted};
use rustix::fs::{AtFlags, statat};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// An open folder that only this user can access.
#[derive(Debug)]
pub(crate) struct State {
    folder: OwnedFd,
}

/// Error when the folder of the state is opened.
#[derive(Debug)]
pub(crate) enum StateError {
    /// Another user could read or change it.
    Unsafe(String),
    /// It cannot be created or written.
    Unwritable(io::Error),
}

impl From<io::Error> for StateError {
    fn from(error: io::Error) -> Self {
        Self::Unwritable(error)
    }
}

impl State {
    /// Opens the folder `name` in `base`, and creates both if they do not exist.
    pub(crate) fn open(base: &Path, name: &str) -> Result<State, StateError> {
        let base_folder = path_walk::private_folder(base, 0o700).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
                StateError::Unsafe(format!("unsafe folder {}: {error}", base.display()))
            }
            _ => StateError::Unwritable(error),
        })?;
        shared(base, &base_folder)?;
        let name = OsStr::new(name);
        directory::make(&base_folder, name, 0o700)?;
        let path = base.join(name);
        let folder = directory::folder_in(&base_folder, name)
            .map_err(|error| StateError::Unsafe(format!("unsafe folder {}: {error}", path.display())))?;
        private(&path, &folder)?;
        directory::write(&folder, OsStr::new(".probe"), b"")?;
        Ok(State { folder })
    }

    pub(crate) fn read(&self, name: &str, bound: Bound) -> io::Result<Vec<u8>> {
        directory::read(&self.folder, OsStr::new(name), bound)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        directory::kind(&self.folder, OsStr::new(name)).is_ok()
    }

    /// Overwrites or creates a file. Not atomic.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        directory::write(&self.folder, OsStr::new(name), bytes)
    }

    /// Writes a file atomically, by a temporary file named `half`.
    pub(crate) fn put(&self, name: &str, half: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(half, bytes)?;
        directory::rename(&self.folder, OsStr::new(half), OsStr::new(name))
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        directory::remove(&self.folder, OsStr::new(name))
    }

    /// Removes files whose names match and that were last written before a time.
    pub(crate) fn sweep(&self, before: SystemTime, fits: impl Fn(&str) -> bool) -> io::Result<()> {
        untrusted::sweep(&self.folder, before, fits)
    }

    /// Lists files whose names match and that were last written before a time.
    pub(crate) fn older(&self, before: SystemTime, fits: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
        untrusted::older(&self.folder, before, fits)
    }
}

fn is_trusted(user: u32) -> bool {
    [0, directory::user()].contains(&user)
}

/// Checks the parent folder: no other user may be able to replace ours. It must belong to root or this user, and not be
/// writable by others, unless it is sticky as `/tmp` or a volume, which containers mount writable by all.
fn shared(path: &Path, folder: &OwnedFd) -> Result<(), StateError> {
    let known = File::from(folder.try_clone()?).metadata()?;
    if !is_trusted(known.uid()) {
        let text = format!("{} belongs to another user (uid {})", path.display(), known.uid());
        return Err(StateError::Unsafe(text));
    }
    let is_open = known.mode() & 0o022 != 0 && known.mode() & 0o1000 == 0;
    let is_volume = || statat(folder, "..", AtFlags::empty()).is_ok_and(|above| above.st_dev != known.dev());
    if is_open && !is_volume() {
        return Err(StateError::Unsafe(format!("{} is writable by other users", path.display())));
    }
    Ok(())
}

fn private(path: &Path, folder: &OwnedFd) -> Result<(), StateError> {
    let known = File::from(folder.try_clone()?).metadata()?;
    if known.uid() != directory::user() {
        let text = format!("{} belongs to another user (uid {})", path.display(), known.uid());
        return Err(StateError::Unsafe(text));
    }
    if known.mode() & 0o077 != 0 {
        let mode = known.mode() & 0o7777;
        return Err(StateError::Unsafe(format!(
            "{} is accessible to other users (mode {mode:04o}); expected mode 0700",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
    use std::path::PathBuf;
    use std::time::Duration;

    const STRANGER: Option<u32> = Some(65_534);

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode can be set");
    }

    fn refused(base: &Path) -> String {
        match State::open(base, "id") {
            Err(StateError::Unsafe(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    /// Returns a folder for state, and an unrelated one with an old file.
    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let (base, victim) = (folder.path().join("base"), folder.path().join("victim"));
        [&base, &victim].iter().for_each(|path| fs::create_dir(path).expect("a folder"));
        old(&victim.join("precious"));
        set_mode(&victim, 0o755);
        (folder, base, victim)
    }

    fn old(path: &Path) {
        let file = File::create(path).expect("a file");
        file.set_modified(SystemTime::now() - Duration::from_secs(30 * 86_400)).expect("its time can be set");
    }

    #[test]
    fn folder_is_made_private_and_kept_so() {
        let (_folder, base, _) = folders();
        let state = State::open(&base.join("made/too"), "id").expect("it is safe");
        state.write("mark", b"x").expect("it can be written");
        let made = base.join("made/too");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!([&made, &made.join("id"), &made.join("id/mark")].map(|path| mode(path)), [0o700, 0o700, 0o600]);
        assert_eq!(state.read("mark", Bound(1)).expect("it can be read"), b"x");
        assert!(state.read("mark", Bound(0)).is_err_and(|error| error.to_string().contains("larger than 0")));
    }

    #[test]
    fn folder_of_others_or_open_to_them_is_refused() {
        let (_folder, base, _) = folders();
        let path = base.join("id");
        fs::create_dir(&path).expect("a folder");
        for mode in [0o755, 0o770, 0o701, 0o777] {
            set_mode(&path, mode);
            assert!(refused(&base).contains("accessible to other users"), "{mode:o}");
        }
        set_mode(&path, 0o700);
        chown(&path, STRANGER, None).expect("its owner can be set");
        assert!(refused(&base).contains("another user (uid 65534)"));
        fs::remove_dir(&path).expect("it was there");
        for mode in [0o777, 0o757, 0o1777] {
            set_mode(&base, mode);
            assert_eq!(State::open(&base, "id").is_ok(), mode == 0o1777, "{mode:o}");
        }
        chown(&base, STRANGER, None).expect("its owner can be set");
        assert!(refused(&base).contains("another user (uid 65534)"));
    }

    #[test]
    fn parent_folder_writable_by_others_is_rejected() {
        let (_folder, base, _) = folders();
        let state = base.join("below/state");
        for (mode, is_safe) in [(0o755, true), (0o775, false), (0o757, false), (0o777, false), (0o1777, true)] {
            set_mode(&base, mode);
            let opened = State::open(&state, "id");
            assert_eq!(opened.is_ok(), is_safe, "{mode:o} {opened:?}");
            if !is_safe {
                assert!(
                    refused(&state).contains("the folder that holds `below` is writable by other users"),
                    "{mode:o}"
                );
            }
        }
        set_mode(&base, 0o755);
        // In a sticky folder, another user can have created it before.
        chown(base.join("below"), STRANGER, None).expect("its owner can be set");
        assert!(refused(&state).contains("belongs to another user (uid 65534)"));
        // The folder of a link is checked, too, not only its target.
        chown(base.join("below"), Some(directory::user()), None).expect("its owner can be set");
        let open = base.join("open");
        fs::create_dir(&open).and_then(|()| symlink(&state, open.join("link"))).expect("a link");
        set_mode(&open, 0o777);
        assert!(refused(&open.join("link")).contains("the folder that holds `link` is writable by other users"));
        set_mode(&open, 0o755);
        assert!(State::open(&open.join("link"), "id").is_ok());
    }

    #[test]
    fn link_of_another_user_is_rejected() {
        let (folder, base, victim) = folders();
        symlink(&victim, base.join("id")).expect("a link");
        assert!(refused(&base).contains("symbolic link"));
        let linked = folder.path().join("linked");
        symlink(&victim, &linked).and_then(|()| lchown(&linked, STRANGER, None)).expect("a link");
        assert!(refused(&linked).contains("a link of another user"));
        // A link of root is followed, as systemd creates it.
        fs::remove_file(base.join("id")).expect("it was there");
        let own = folder.path().join("own");
        symlink(&base, &own).expect("a link");
        assert!(State::open(&own, "id").is_ok());
        let names: Vec<_> = fs::read_dir(&victim).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["precious"]);
        assert_eq!(fs::metadata(&victim).expect("it is there").permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn opened_folder_is_used_after_its_path_changes() {
        let (_folder, base, victim) = folders();
        let state = State::open(&base, "id").expect("it is safe");
        fs::rename(base.join("id"), base.join("moved")).expect("it can be moved");
        symlink(&victim, base.join("id")).expect("a link");
        state.put("mark", "half", b"x").expect("it can be written");
        state.sweep(SystemTime::now(), |_| true).expect("it can be swept");
        assert!(victim.join("precious").exists() && !victim.join("mark").exists());
        assert!(!base.join("moved/mark").exists(), "it was swept");
    }

    #[test]
    fn links_are_rejected_and_only_matching_files_are_swept() {
        let (_folder, base, victim) = folders();
        let state = State::open(&base, "id").expect("it is safe");
        let precious = victim.join("precious");
        for name in ["mark", "half"] {
            symlink(&precious, base.join("id").join(name)).expect("a link");
        }
        assert!(state.read("mark", Bound(9)).is_err() && state.write("mark", b"x").is_err());
        assert!(state.put("other", "half", b"x").is_err() && state.remove("mark").is_err());
        ["ours", "theirs"].iter().for_each(|name| old(&base.join("id").join(name)));
        state.write("new", b"").expect("it can be written");
        state.sweep(SystemTime::now() - Duration::from_secs(60), |name| name != "theirs").expect("it can be swept");
        let mut left: Vec<_> =
            fs::read_dir(base.join("id")).expect("a folder").flatten().map(|e| e.file_name()).collect();
        left.sort();
        assert_eq!(left, [".probe", "half", "mark", "new", "theirs"]);
        assert_eq!(fs::metadata(precious).expect("it is there").len(), 0);
    }
}
