//! The profiles that are known: those built into the binary, those of a folder, and any by its path; with their cases.

use crate::paint;
use anyhow::{Context, bail};
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use stixmap_engine::case::Case;
use stixmap_engine::diagnostic::Source;
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

/// A file of a folder, and where a person finds it.
pub(crate) struct File {
    pub(crate) shown: String,
    pub(crate) bytes: Vec<u8>,
}

impl Folder {
    /// Reads a file of the folder.
    pub(crate) fn file(&self, name: &str) -> anyhow::Result<File> {
        match self {
            Self::Embedded(profile) => {
                let shown = format!("profiles/{profile}/{name}");
                let file =
                    Embedded::get(&format!("{profile}/{name}")).with_context(|| format!("{shown} is not there"))?;
                Ok(File { shown, bytes: file.data.into_owned() })
            }
            Self::OnDisk(folder) => {
                let path = folder.join(name);
                let shown = path.display().to_string();
                let bytes = std::fs::read(&path).with_context(|| format!("{shown} cannot be read"))?;
                Ok(File { shown, bytes })
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
        let file = self.file("profile.yaml")?;
        let source = Source::new(file.shown, text(file.bytes)?);
        Ok(Plan::read(&source).map_err(|mistakes| paint::diagnostics(&mistakes)).ok())
    }

    /// Reads a case; `None` after its mistakes were told.
    pub(crate) fn case(&self, name: &str) -> anyhow::Result<Option<Case>> {
        let file = self.file(&format!("cases/{name}"))?;
        let source = Source::new(file.shown, text(file.bytes)?);
        let load = |name: &str| {
            if name.contains(['/', '\\']) || name.starts_with('.') {
                return Err("a file beside the case, by its name alone".to_owned());
            }
            self.file(&format!("cases/{name}")).map(|file| file.bytes).map_err(|error| format!("{error:#}"))
        };
        Ok(Case::read(&source, load).map_err(|mistakes| paint::diagnostics(&mistakes)).ok())
    }
}

pub(crate) fn text(bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes).context("it is not UTF-8")
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
