//! The folder and the names of the files of a new case. No existing file is overwritten.

use crate::catalog::Folder;
use crate::cli::RecordArgs;
use crate::files::Root;
use anyhow::{Context, bail};

/// The folder and name of the new case.
pub(super) struct CasePath {
    pub(super) folder: Root,
    pub(super) case: String,
}

impl CasePath {
    pub(super) fn new(args: &RecordArgs, folder: &Folder) -> anyhow::Result<CasePath> {
        let folder = match (&args.out, folder) {
            (Some(out), _) => Root::new(out),
            (None, Folder::OnDisk(folder) | Folder::Listed(folder)) => folder.below("cases"),
            (None, Folder::Embedded(name)) => bail!("{name} is built in: specify a folder with --out"),
        };
        let case = args.case.clone().unwrap_or_else(|| name(&args.value));
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if case.is_empty() || !case.bytes().all(is_name) {
            bail!("invalid case name `{case}`: expected lower-case words joined by `-`");
        }
        let path = CasePath { folder, case };
        for ending in ["yaml", "expected"] {
            let name = format!("{}.{ending}", path.case);
            if path.folder.claims(&name) {
                bail!("{} exists already; choose another name with --case", path.folder.path().join(name).display());
            }
        }
        Ok(path)
    }

    /// Returns a file name that is not in use.
    pub(super) fn free(&self, name: &str, ending: &str) -> String {
        let others = (2..).map(|number| format!("{name}-{number}.{ending}"));
        let mut names = std::iter::once(format!("{name}.{ending}")).chain(others);
        names.find(|name| !self.folder.claims(name)).expect("the sequence of names is infinite")
    }

    pub(super) fn write(&self, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
        let written = self.folder.make().and_then(|()| self.folder.create(files));
        written.with_context(|| format!("failed to write {}", self.folder.path().display()))
    }
}

/// Converts a value to the name of a case.
fn name(value: &str) -> String {
    let parts = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
