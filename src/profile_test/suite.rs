//! What is to be tested: profiles with their cases, found at paths.

use crate::catalog::{self, Folder, USUAL};
use crate::files::{Bound, Root, operator_path};
use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A profile, and which of its cases are to be played.
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

    /// What is expected of a case; nothing where nobody has said it.
    pub(crate) fn expected(&self, case: &str) -> anyhow::Result<String> {
        let path = expected_of(case);
        let bytes = match self.folder.read(&path, Bound::CASE) {
            Err(error) if error.kind() == ErrorKind::NotFound => vec![],
            bytes => bytes.with_context(|| format!("{} cannot be read", self.folder.path().join(&path).display()))?,
        };
        // What is no text is not what comes.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes what is expected of a case from now on.
    pub(crate) fn accept(&self, case: &str, transcript: &str) -> anyhow::Result<()> {
        let path = expected_of(case);
        let written = self.folder.replace(&path, &mut |out| out.write_all(transcript.as_bytes()));
        written.with_context(|| format!("{} cannot be written", self.folder.path().join(&path).display()))
    }
}

fn expected_of(case: &str) -> PathBuf {
    Path::new("cases").join(case).with_extension("expected")
}

/// What stands at these paths; without any, at `profiles`.
pub(crate) fn found(paths: &[PathBuf]) -> anyhow::Result<Vec<Suite>> {
    let usual = [PathBuf::from(USUAL)];
    let paths = if paths.is_empty() { &usual } else { paths };
    paths
        .iter()
        .map(|path| at(path))
        .collect::<anyhow::Result<Vec<_>>>()
        .map(|suites| suites.into_iter().flatten().collect())
}

/// A profile's folder, a folder of such, or a case.
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
        catalog::folders_in(&catalog::root(path)).with_context(|| format!("{} holds no profile", path.display()))?;
    if folders.is_empty() {
        bail!("{} holds no profile", path.display());
    }
    folders.into_values().map(Suite::whole).collect()
}
