//! A profile that has just begun: what its author chose or a sample showed, written as a profile with its first case. What
//! is written passes `check` and `test`; making it right is the author's work, and the comments say how.

pub(crate) mod auth;
mod text;

use crate::catalog;
use crate::cli::{AuthKind, Framing};
use crate::quote::yaml;
use crate::render::Several;
use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use stixmap_engine::case::{Case, Played, play};
use stixmap_engine::diagnostic::{Diagnostic, Source};
use stixmap_engine::plan::Plan;
use stixmap_engine::stix::Kind;

/// What is known of a provider so far.
pub(crate) struct Scaffold {
    /// The profile's id, and its folder's name.
    pub(crate) id: String,
    pub(crate) base_url: String,
    pub(crate) auth: AuthKind,
    /// The parameter that carries the key, where one does and it is known.
    pub(crate) key_parameter: Option<String>,
    pub(crate) accepts: Vec<Kind>,
    pub(crate) lookup: Lookup,
    pub(crate) framing: Framing,
    /// How lines are cut into columns, where they are.
    pub(crate) columns: Option<String>,
    /// Where rows stand, where an answer is JSON: a path, or lines of levels.
    pub(crate) records: Option<Line>,
    pub(crate) paging: Line,
    pub(crate) fields: Vec<(String, Line)>,
    /// What else rows hold, told below the fields.
    pub(crate) unread: Vec<String>,
    pub(crate) orientation: Vec<Line>,
    /// What becomes of rows about other names, where the usual does not fit.
    pub(crate) other_names: Option<Line>,
    pub(crate) rules: Vec<Line>,
    /// What is said above the first line, besides what to do next.
    pub(crate) remarks: Vec<String>,
    pub(crate) case: FirstCase,
}

/// A piece of YAML, and why it says so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) yaml: String,
    pub(crate) why: String,
}

impl Line {
    pub(crate) fn new(yaml: impl Into<String>, why: impl Into<String>) -> Line {
        Line { yaml: yaml.into(), why: why.into() }
    }
}

/// The first case of a profile.
pub(crate) struct FirstCase {
    pub(crate) about: String,
    pub(crate) kind: Kind,
    pub(crate) value: String,
    /// Requests of the lookup, and the YAML of their replies.
    pub(crate) exchanges: Vec<(String, String)>,
    /// Files beside the case that replies name.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// Where the skeleton's one lookup asks.
pub(crate) struct Lookup {
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
}

impl Default for Lookup {
    fn default() -> Self {
        Lookup { path: "/passive-dns/{observable.value}".to_owned(), query: vec![] }
    }
}

impl Scaffold {
    /// Writes the profile's folder; nothing is written over, and nothing is left where the profile cannot be written whole.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let root = catalog::root(folder);
        let (shown, cases) = (folder.join(&self.id), root.below(&self.id).below("cases"));
        let is_taken =
            || bail!("{} is there already, and nothing is written over: choose another name", shown.display());
        let cannot = || format!("{} cannot be written", shown.display());
        let (profile, case) = (text::profile(self), text::case(self));
        let expected = self.playing(&profile, &case)?.transcript;
        let profile = [("profile.yaml".to_owned(), profile.into_bytes())];
        let mut files =
            vec![("first.yaml".to_owned(), case.into_bytes()), ("first.expected".to_owned(), expected.into_bytes())];
        files.extend(self.case.files.iter().cloned());
        match root.make_new(&self.id) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return is_taken(),
            made => made.with_context(cannot)?,
        }
        cases.make().with_context(cannot)?;
        root.below(&self.id).create(&profile).with_context(cannot)?;
        cases.create(&files).with_context(cannot)?;
        let written = files.iter().map(|(name, _)| cases.path().join(name));
        Ok(std::iter::once(shown.join("profile.yaml")).chain(written).collect())
    }

    /// What comes of the first case.
    pub(crate) fn played(&self) -> anyhow::Result<Played> {
        self.playing(&text::profile(self), &text::case(self))
    }

    fn playing(&self, profile: &str, case: &str) -> anyhow::Result<Played> {
        let plan = Plan::read(&Source::new("profile.yaml", profile)).map_err(|mistakes| told(&mistakes))?;
        let load = |name: &str| {
            let file = self.case.files.iter().find(|(known, _)| known == name);
            file.map(|(_, bytes)| bytes.clone()).ok_or_else(|| "no such file".to_owned())
        };
        let case = Case::read(&Source::new("first.yaml", case), load).map_err(|mistakes| told(&mistakes))?;
        let played = play(&plan, &case).map_err(|_| anyhow::anyhow!("the first case lacks a setting"))?;
        if !played.is_as_expected {
            let head = "the first case is not what the profile asks:";
            bail!(Several::new(std::iter::once(head).chain(played.transcript.lines())));
        }
        Ok(played)
    }
}

fn told(mistakes: &[Diagnostic]) -> anyhow::Error {
    let head = "nothing is written, since it would have a mistake:".to_owned();
    Several::new(std::iter::once(head).chain(mistakes.iter().map(ToString::to_string))).into()
}

/// Whether a profile may be called so: lower-case words joined by `-`.
pub(crate) fn check_name(name: &str) -> anyhow::Result<()> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !name.split('-').all(is_word) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        bail!("a profile cannot be called `{name}`: it takes lower-case words joined by `-`, such as `acme-dns`");
    }
    Ok(())
}

/// Whether requests can begin so.
pub(crate) fn check_base_url(url: &str) -> anyhow::Result<()> {
    let is_server = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !is_server {
        bail!("a base URL is like `https://api.example.net/v1`, not like `{url}`");
    }
    Ok(())
}

/// A path as YAML: quoted only where it has to be.
pub(crate) fn plain(path: &str) -> String {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$._".contains(&byte));
    if is_plain { path.to_owned() } else { yaml(path) }
}
