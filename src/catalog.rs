//! Finds profiles and their cases: built into the binary, in the operator's folder, or by path.

use crate::files::{Bound, Root};
use crate::render;
use anyhow::{Context, bail};
use rust_embed::RustEmbed;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stixmap_engine::case::Case;
use stixmap_engine::diagnostic::{Code, Diagnostic, Source};
use stixmap_engine::parallel;
use stixmap_engine::plan::Plan;

#[derive(RustEmbed)]
#[folder = "profiles"]
struct Embedded;

/// Name of the profile's file in its folder.
pub(crate) const PROFILE: &str = "profile.yaml";

/// The folder of a profile, embedded or on disk.
#[derive(Debug, Clone)]
pub(crate) enum Folder {
    /// Embedded in the binary; holds its name.
    Embedded(String),
    /// On disk, selected by its path.
    OnDisk(Root),
    /// In the operator's folder of profiles, selected by the folder's name, which must equal the profile's id.
    Listed(Root),
}

impl Folder {
    /// Reads a file of the folder as text.
    fn source(&self, name: &str) -> anyhow::Result<Result<Arc<Source>, Diagnostic>> {
        match self {
            Self::Embedded(profile) => {
                Ok(as_source(format!("profiles/{profile}/{name}"), self.bytes(name, Bound::CASE)?))
            }
            Self::OnDisk(folder) | Self::Listed(folder) => source(folder, name),
        }
    }

    /// Reads the bytes of a file in the folder.
    fn bytes(&self, name: &str, bound: Bound) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Embedded(profile) => {
                let path = format!("{profile}/{name}");
                let file = Embedded::get(&path).with_context(|| format!("missing file profiles/{path}"))?;
                Ok(file.data.into_owned())
            }
            Self::OnDisk(folder) | Self::Listed(folder) => {
                let path = folder.path().join(name);
                folder.read(name, bound).with_context(|| format!("failed to read {}", path.display()))
            }
        }
    }

    /// Returns whether both are the same folder.
    pub(crate) fn is_same(&self, other: &Folder) -> bool {
        match (self, other) {
            (Self::Embedded(one), Self::Embedded(other)) => one == other,
            (Self::OnDisk(one) | Self::Listed(one), Self::OnDisk(other) | Self::Listed(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// Returns the file names of its cases, sorted.
    pub(crate) fn cases(&self) -> anyhow::Result<Vec<String>> {
        let mut names: Vec<String> = match self {
            Self::Embedded(profile) => {
                let prefix = format!("{profile}/cases/");
                Embedded::iter().filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned)).collect()
            }
            Self::OnDisk(folder) | Self::Listed(folder) => {
                let cases = folder.below("cases");
                let names = match cases.names() {
                    Err(error) if error.kind() == ErrorKind::NotFound => vec![],
                    names => names.with_context(|| format!("failed to read {}", cases.path().display()))?,
                };
                names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect()
            }
        };
        names.retain(|name| name.ends_with(".yaml"));
        names.sort();
        Ok(names)
    }

    /// Compiles the profile; prints its diagnostics and returns `None` if it is invalid.
    pub(crate) fn plan(&self) -> anyhow::Result<Option<Plan>> {
        Ok(plan_or_print(self.compiled()?))
    }

    /// Compiles the profile without printing its diagnostics.
    pub(crate) fn compiled(&self) -> anyhow::Result<Compiled> {
        let source = self.source("profile.yaml")?.map_err(|mistake| vec![mistake]);
        let plan = source.and_then(|source| Plan::read(&source));
        let Self::Listed(folder) = self else { return Ok(plan) };
        Ok(plan.and_then(|plan| match other_name(&plan, folder) {
            Some(found) => Err(vec![found]),
            None => Ok(plan),
        }))
    }

    /// Reads a case; prints its diagnostics and returns `None` if it is invalid.
    pub(crate) fn case(&self, name: &str) -> anyhow::Result<Option<Case>> {
        let beside = self.beside();
        let load = |name: &str| beside.read(name);
        let source = self.source(&format!("cases/{name}"))?.map_err(|mistake| vec![mistake]);
        let case = source.and_then(|source| Case::read(&source, load));
        Ok(case.map_err(|mistakes| render::diagnostics(&mistakes)).ok())
    }

    /// Returns a reader of the files next to a case.
    pub(crate) fn beside(&self) -> CaseFiles<'_> {
        CaseFiles { folder: self, left: Cell::new(Bound::CASE.0) }
    }
}

/// Reads files next to one case. Their total size is limited, because a case may refer to a file repeatedly.
pub(crate) struct CaseFiles<'f> {
    folder: &'f Folder,
    left: Cell<u64>,
}

impl CaseFiles<'_> {
    /// Reads a file by its name, which must not contain a path.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        if name.contains(['/', '\\']) || name.starts_with('.') {
            return Err("expected the name of a file in the folder of the case".to_owned());
        }
        let bytes = self.folder.bytes(&format!("cases/{name}"), Bound::CASE);
        let bytes = bytes.map_err(|error| format!("{:#}", error.root_cause()))?;
        let left = self.left.get().checked_sub(bytes.len() as u64);
        self.left.set(left.ok_or_else(|| format!("the bodies of the case exceed {} in total", Bound::CASE))?);
        Ok(bytes)
    }
}

/// A plan, or the diagnostics of an invalid profile.
type Compiled = Result<Plan, Vec<Diagnostic>>;

fn plan_or_print(compiled: Compiled) -> Option<Plan> {
    compiled.map_err(|mistakes| render::diagnostics(&mistakes)).ok()
}

/// Compiles profiles in parallel; prints the diagnostics of invalid ones, which are `None`.
pub(crate) fn plans(folders: &[Folder]) -> Vec<Option<Plan>> {
    let plan = |compiled: anyhow::Result<Compiled>| match compiled {
        Ok(compiled) => plan_or_print(compiled),
        Err(unreadable) => {
            render::error(&unreadable);
            None
        }
    };
    parallel::map(folders, Folder::compiled).into_iter().map(plan).collect()
}

/// Maximum number of bytes read of a profile or a case. It exceeds the parser's limit, which reports longer files.
const MAX_READ: u64 = 2 << 20;

/// Reads a file as the source of diagnostics. The inner error is the diagnostic for a file that is not UTF-8.
pub(crate) fn source(root: &Root, name: impl AsRef<Path>) -> anyhow::Result<Result<Arc<Source>, Diagnostic>> {
    let shown = root.path().join(&name).display().to_string();
    let bytes = root.read_start(name, MAX_READ).with_context(|| format!("failed to read {shown}"))?;
    Ok(as_source(shown, bytes))
}

/// Splits the path of a profile or case into the folder of the profile and the path in it.
pub(crate) fn locate(path: &Path) -> anyhow::Result<(Root, PathBuf)> {
    let located = match folder_of_case(path) {
        Some(folder) => path.file_name().map(|name| (folder, Path::new("cases").join(name))),
        None => Root::of(path).ok().map(|(root, name)| (root, PathBuf::from(name))),
    };
    located.with_context(|| format!("`{}` is not a file", path.display()))
}

/// Returns the folder of the profile that a case belongs to: the parent of `cases`.
pub(crate) fn folder_of_case(path: &Path) -> Option<Root> {
    let cases = path.parent().filter(|folder| folder.file_name().is_some_and(|name| name == "cases"))?;
    cases.parent().map(Root::new).filter(|folder| folder.claims(PROFILE))
}

/// Returns the folders of profiles in a folder, by name.
pub(crate) fn folders_in(folder: &Root) -> anyhow::Result<BTreeMap<String, Root>> {
    let names = folder.names().with_context(|| format!("failed to read {}", folder.path().display()))?;
    let named = names.iter().map(|name| (name.to_string_lossy().into_owned(), folder.below(name)));
    Ok(named.filter(|(_, folder)| folder.claims(PROFILE)).collect())
}

fn as_source(shown: String, mut bytes: Vec<u8>) -> Result<Arc<Source>, Diagnostic> {
    if bytes.len() as u64 == MAX_READ {
        // Truncated, possibly inside of a character.
        bytes.truncate(bytes.len() - 4);
        return Ok(Source::new(shown, String::from_utf8_lossy(&bytes)));
    }
    String::from_utf8(bytes).map(|text| Source::new(shown.clone(), text)).map_err(|error| {
        let (start, bytes) = (error.utf8_error().valid_up_to(), error.into_bytes());
        let source = Source::new(shown, String::from_utf8_lossy(&bytes));
        let found = Diagnostic::error(
            Code::NotUtf8,
            "the file is not valid UTF-8",
            &source,
            start..start,
            "first invalid byte",
        );
        found.note("save the file with the encoding UTF-8")
    })
}

/// Profiles that can be selected by name: built-in ones, and those of the operator's folder.
pub(crate) struct Known {
    by_name: BTreeMap<String, Folder>,
    /// Folders of the operator with the name of a built-in profile. They can be selected only by path.
    shadowed: BTreeMap<String, PathBuf>,
}

impl Known {
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.by_name.values()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Folder)> {
        self.by_name.iter().map(|(name, folder)| (name.as_str(), folder))
    }

    pub(crate) fn folder(&self, name: &str) -> Option<&Folder> {
        self.by_name.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(crate) fn built_in(mut self, name: &str) -> Option<Folder> {
        self.by_name.remove(name).filter(|folder| matches!(folder, Folder::Embedded(_)))
    }

    /// Returns a message for each folder with the name of a built-in profile.
    pub(crate) fn conflicts(&self) -> impl Iterator<Item = String> {
        self.shadowed.iter().map(|(name, path)| conflict(name, path))
    }

    fn nearest(&self, name: &str) -> String {
        let names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        match stixmap_engine::yaml::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("available: {}", names.join(", ")),
        }
    }
}

fn conflict(name: &str, path: &Path) -> String {
    let path = path.display();
    format!("ambiguous profile `{name}`: it is built in, and `{path}` has the same name; use the path for the latter")
}

/// Returns the built-in profiles and those of the operator's folder `extra`.
pub(crate) fn known(extra: Option<&Path>) -> anyhow::Result<Known> {
    let embedded = Embedded::iter().filter_map(|path| path.strip_suffix("/profile.yaml").map(str::to_owned));
    let by_name = embedded.map(|name| (name.clone(), Folder::Embedded(name))).collect();
    let mut known = Known { by_name, shadowed: BTreeMap::new() };
    let Some(extra) = extra else { return Ok(known) };
    for (name, folder) in folders_in(&Root::new(extra))? {
        match known.by_name.get(&name) {
            Some(_) => known.shadowed.insert(name, folder.path()).map(drop),
            None => known.by_name.insert(name, Folder::Listed(folder)).map(drop),
        };
    }
    Ok(known)
}

/// Default folder of profiles, in the working directory.
pub(crate) const DEFAULT_FOLDER: &str = "profiles";

/// Returns the folder at a path. A link is followed only if the path was given by the user: the default folder of an
/// untrusted working directory may be a link to elsewhere.
pub(crate) fn root(path: &Path) -> Root {
    if path == Path::new(DEFAULT_FOLDER) { Root::default().below(DEFAULT_FOLDER) } else { Root::new(path) }
}

/// Returns the profile's folder for its own path or the path of its `profile.yaml`.
pub(crate) fn at(path: &Path) -> Option<Root> {
    let of_file = || path.parent().filter(|_| path.ends_with(PROFILE)).map(Root::new);
    [Some(root(path)), of_file()].into_iter().flatten().find(|folder| folder.claims(PROFILE))
}

/// Finds a profile by name, by the path of its folder, or by the path of its `profile.yaml`.
pub(crate) fn find(name: &str, extra: Option<&Path>) -> anyhow::Result<Folder> {
    let known = known(extra)?;
    if let Some(path) = known.shadowed.get(name) {
        bail!(conflict(name, path));
    }
    if let Some(folder) = known.by_name.get(name) {
        return Ok(folder.clone());
    }
    let path = Path::new(name);
    if let Some(folder) = at(path) {
        return Ok(Folder::OnDisk(folder));
    }
    bail!("unknown profile `{name}`; {}", known.nearest(name))
}

/// Returns a diagnostic if a profile's id differs from the name of its folder: `--profile` uses the folder's name, variables
/// use the id.
pub(crate) fn other_name(plan: &Plan, folder: &Root) -> Option<Diagnostic> {
    let name = folder.name()?;
    let message = format!("the profile `{}` is in the folder `{name}`", plan.id);
    let label = "determines its variables; `--profile` uses the folder's name";
    let found = || Diagnostic::error(Code::IdNotFolder, message, &plan.source, plan.id_span.clone(), label);
    (name != plan.id).then(found)
}
