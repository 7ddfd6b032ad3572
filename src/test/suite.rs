//! What is to be tested: profiles with their cases, found at paths.

use crate::shelf::Folder;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// A profile, and which of its cases are to be played.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) folder: PathBuf,
    pub(crate) cases: Vec<String>,
    pub(crate) is_whole: bool,
}

impl Suite {
    fn whole(folder: &Path) -> Suite {
        let cases = Folder::OnDisk(folder.to_owned()).cases();
        Suite { folder: folder.to_owned(), cases, is_whole: true }
    }
}

/// What stands at these paths; without any, at `profiles`.
pub(crate) fn found(paths: &[PathBuf]) -> anyhow::Result<Vec<Suite>> {
    let usual = [PathBuf::from("profiles")];
    let paths = if paths.is_empty() { &usual } else { paths };
    paths
        .iter()
        .map(|path| at(path))
        .collect::<anyhow::Result<Vec<_>>>()
        .map(|suites| suites.into_iter().flatten().collect())
}

/// A profile's folder, a folder of such, or a case.
fn at(path: &Path) -> anyhow::Result<Vec<Suite>> {
    if path.join("profile.yaml").is_file() {
        return Ok(vec![Suite::whole(path)]);
    }
    if path.is_file() && path.ends_with("profile.yaml") {
        return Ok(vec![Suite::whole(path.parent().unwrap_or(Path::new(".")))]);
    }
    let of_case = path.parent().and_then(Path::parent).filter(|folder| folder.join("profile.yaml").is_file());
    if let (true, Some(folder), Some(name)) = (path.is_file(), of_case, path.file_name()) {
        let cases = vec![name.to_string_lossy().into_owned()];
        return Ok(vec![Suite { folder: folder.to_owned(), cases, is_whole: false }]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("{} holds no profile", path.display()))?;
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join("profile.yaml").is_file()).collect();
    folders.sort();
    if folders.is_empty() {
        bail!("{} holds no profile", path.display());
    }
    Ok(folders.iter().map(|folder| Suite::whole(folder)).collect())
}
