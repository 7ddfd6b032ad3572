//! The profiles that are known: those built into the binary, those of a folder, and any by its path; with their cases.

use crate::paint;
use anyhow::{Context, bail};
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stixmap_engine::case::Case;
use stixmap_engine::diagnostic::{Code, Diagnostic, Source};
use stixmap_engine::parallel;
use stixmap_engine::plan::Plan;

#[derive(RustEmbed)]
#[folder = "profiles"]
struct Embedded;

/// A profile's folder, wherever it is.
#[derive(Debug, Clone)]
pub(crate) enum Folder {
    /// In the binary, by its name.
    Embedded(String),
    /// On disk.
    OnDisk(PathBuf),
}

impl Folder {
    /// Reads a file of the folder as a text.
    fn source(&self, name: &str) -> anyhow::Result<Result<Arc<Source>, Diagnostic>> {
        match self {
            Self::Embedded(profile) => Ok(as_source(format!("profiles/{profile}/{name}"), self.bytes(name)?)),
            Self::OnDisk(folder) => source(&folder.join(name)),
        }
    }

    /// Reads a file of the folder as it is.
    fn bytes(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Embedded(profile) => {
                let path = format!("{profile}/{name}");
                let file = Embedded::get(&path).with_context(|| format!("profiles/{path} is not there"))?;
                Ok(file.data.into_owned())
            }
            Self::OnDisk(folder) => {
                let path = folder.join(name);
                std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))
            }
        }
    }

    /// The names of its cases, sorted.
    pub(crate) fn cases(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Embedded(profile) => {
                let prefix = format!("{profile}/cases/");
                Embedded::iter().filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned)).collect()
            }
            Self::OnDisk(folder) => {
                let entries = std::fs::read_dir(folder.join("cases")).into_iter().flatten();
                entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
            }
        };
        names.retain(|name| name.ends_with(".yaml"));
        names.sort();
        names
    }

    /// Compiles the profile; `None` after its mistakes were told.
    pub(crate) fn plan(&self) -> anyhow::Result<Option<Plan>> {
        Ok(told(self.compiled()?))
    }

    fn compiled(&self) -> anyhow::Result<Compiled> {
        let source = self.source("profile.yaml")?.map_err(|mistake| vec![mistake]);
        Ok(source.and_then(|source| Plan::read(&source)))
    }

    /// Reads a case; `None` after its mistakes were told.
    pub(crate) fn case(&self, name: &str) -> anyhow::Result<Option<Case>> {
        let load = |name: &str| self.beside(name);
        let source = self.source(&format!("cases/{name}"))?.map_err(|mistake| vec![mistake]);
        let case = source.and_then(|source| Case::read(&source, load));
        Ok(case.map_err(|mistakes| paint::diagnostics(&mistakes)).ok())
    }

    /// A file beside the cases, by its name alone: a case reads nothing from elsewhere.
    pub(crate) fn beside(&self, name: &str) -> Result<Vec<u8>, String> {
        if name.contains(['/', '\\']) || name.starts_with('.') {
            return Err("a file beside the case, by its name alone".to_owned());
        }
        self.bytes(&format!("cases/{name}")).map_err(|error| format!("{:#}", error.root_cause()))
    }
}

/// A plan; or the profile's mistakes.
type Compiled = Result<Plan, Vec<Diagnostic>>;

fn told(compiled: Compiled) -> Option<Plan> {
    compiled.map_err(|mistakes| paint::diagnostics(&mistakes)).ok()
}

/// Compiles profiles; `None` after a profile's mistakes were told.
pub(crate) fn plans(folders: &[Folder]) -> anyhow::Result<Vec<Option<Plan>>> {
    parallel::all(folders, Folder::compiled).into_iter().map(|compiled| Ok(told(compiled?))).collect()
}

/// More of a file than this is not read: no profile and no case is so long, and the reader will say so.
const MAX_READ: u64 = 2 << 20;

/// A file as a text a person can open; or a diagnostic, if it is no text.
pub(crate) fn source(path: &Path) -> anyhow::Result<Result<Arc<Source>, Diagnostic>> {
    let shown = path.display().to_string();
    let mut bytes = vec![];
    let file = File::open(path).with_context(|| format!("{shown} cannot be read"))?;
    file.take(MAX_READ).read_to_end(&mut bytes).with_context(|| format!("{shown} cannot be read"))?;
    Ok(as_source(shown, bytes))
}

fn as_source(shown: String, mut bytes: Vec<u8>) -> Result<Arc<Source>, Diagnostic> {
    if bytes.len() as u64 == MAX_READ {
        // It was cut, perhaps within a sign.
        bytes.truncate(bytes.len() - 4);
        return Ok(Source::new(shown, String::from_utf8_lossy(&bytes)));
    }
    String::from_utf8(bytes).map(|text| Source::new(shown.clone(), text)).map_err(|error| {
        let (start, bytes) = (error.utf8_error().valid_up_to(), error.into_bytes());
        let source = Source::new(shown, String::from_utf8_lossy(&bytes));
        let found = Diagnostic::error(Code::NotUtf8, "this is not UTF-8 text", &source, start..start, "it breaks here");
        found.note("save it as UTF-8; most editors call it so")
    })
}

/// The profiles of a shelf, by name; those of the folder before those built in.
pub(crate) fn known(extra: Option<&Path>) -> anyhow::Result<BTreeMap<String, Folder>> {
    let embedded = Embedded::iter().filter_map(|path| path.strip_suffix("/profile.yaml").map(str::to_owned));
    let mut known: BTreeMap<String, Folder> = embedded.map(|name| (name.clone(), Folder::Embedded(name))).collect();
    if let Some(extra) = extra {
        let entries = std::fs::read_dir(extra).with_context(|| format!("{} cannot be read", extra.display()))?;
        for folder in entries.flatten().map(|entry| entry.path()).filter(|path| path.join("profile.yaml").is_file()) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            known.insert(name, Folder::OnDisk(folder));
        }
    }
    Ok(known)
}

/// Finds a profile by its name, or by the path of its folder or its `profile.yaml`.
pub(crate) fn find(name: &str, extra: Option<&Path>) -> anyhow::Result<Folder> {
    let known = known(extra)?;
    if let Some(folder) = known.get(name) {
        return Ok(folder.clone());
    }
    let path = Path::new(name);
    if path.join("profile.yaml").is_file() {
        return Ok(Folder::OnDisk(path.to_owned()));
    }
    if path.is_file() && path.file_name().is_some_and(|name| name == "profile.yaml") {
        return Ok(Folder::OnDisk(path.parent().unwrap_or(Path::new(".")).to_owned()));
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    bail!("no profile is called `{name}`, and there is none at this path; known are {}", names.join(", "))
}
