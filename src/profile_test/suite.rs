//! Finds the profiles and cases to test at the given paths.

use crate::catalog::{self, DEFAULT_FOLDER, Folder};
use crate::files::{Bound, Root, operator_path};
use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A profile and the cases to play.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) folder: Root,
    pub(crate) cases: Vec<String>,
    pub(crate) is_whole: bool,
}

impl Suite {
    fn whole(folder: Root) -> anyhow::Result<Suite> {
        let cases = Folder::OnDisk(folder.clone()).cases()?;
        Ok(Suite { folder, cases, is_whole: true })
    }

    /// Returns the expected transcript of a case; empty if there is none yet.
    pub(crate) fn expected(&self, case: &str) -> anyhow::Result<String> {
        let path = expected_of(case);
        let bytes = match self.folder.read(&path, Bound::CASE) {
            Err(error) if error.kind() == ErrorKind::NotFound => vec![],
            bytes => bytes.with_context(|| format!("failed to read {}", self.folder.path().join(&path).display()))?,
        };
        // Text that is not UTF-8 differs from every transcript.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes a transcript as the expected one of a case.
    pub(crate) fn accept(&self, case: &str, transcript: &str) -> anyhow::Result<()> {
        let path = expected_of(case);
        let written = self.folder.replace(&path, &mut |out| out.write_all(transcript.as_bytes()));
        written.with_context(|| format!("failed to write {}", self.folder.path().join(&path).display()))
    }
}

fn expected_of(case: &str) -> PathBuf {
    Path::new("cases").join(case).with_extension("expected")
}

/// Returns the profiles and cases at these paths, by default at `profiles`.
pub(crate) fn found(paths: &[PathBuf]) -> anyhow::Result<Vec<Suite>> {
    let usual = [PathBuf::from(DEFAULT_FOLDER)];
    let paths = if paths.is_empty() { &usual } else { paths };
    paths
        .iter()
        .map(|path| at(path))
        .collect::<anyhow::Result<Vec<_>>>()
        .map(|suites| suites.into_iter().flatten().collect())
}

/// Resolves a profile's folder, a folder of profiles, or a case file.
fn at(path: &Path) -> anyhow::Result<Vec<Suite>> {
    if let Some(folder) = catalog::at(path) {
        return Ok(vec![Suite::whole(folder)?]);
    }
    if let (false, Some(folder), Some(name)) =
        (operator_path::is_folder(path), catalog::folder_of_case(path), path.file_name())
    {
        let cases = vec![name.to_string_lossy().into_owned()];
        return Ok(vec![Suite { folder, cases, is_whole: false }]);
    }
    let folders =
        catalog::folders_in(&catalog::root(path)).with_context(|| format!("no profile in {}", path.display()))?;
    if folders.is_empty() {
        bail!("no profile in {}", path.display());
    }
    folders.into_values().map(Suite::whole).collect()
}
