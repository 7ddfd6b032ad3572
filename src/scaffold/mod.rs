//! A generated profile and its first case, from the author's choices or from a sample. The result passes `check` and
//! `test`; its comments say what to adapt.

pub(crate) mod auth;
mod content;
mod text;

pub(crate) use content::{FirstCase, Line, Lookup, Scaffold};

use crate::catalog;
use crate::quote::yaml;
use crate::render::MultilineError;
use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use stixmap_engine::case::{Case, Played, play};
use stixmap_engine::diagnostic::{Diagnostic, Source};
use stixmap_engine::plan::Plan;

impl Scaffold {
    /// Writes the profile's folder; fails if it exists, or if the profile or its case is invalid.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let root = catalog::root(folder);
        let (shown, cases) = (folder.join(&self.id), root.below(&self.id).below("cases"));
        let is_taken = || bail!("{} exists already; choose another name", shown.display());
        let cannot = || format!("failed to write {}", shown.display());
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

    /// Plays the first case and returns its result.
    pub(crate) fn played(&self) -> anyhow::Result<Played> {
        self.playing(&text::profile(self), &text::case(self))
    }

    fn playing(&self, profile: &str, case: &str) -> anyhow::Result<Played> {
        let plan = Plan::read(&Source::new("profile.yaml", profile)).map_err(|diagnostics| invalid(&diagnostics))?;
        let load = |name: &str| {
            let file = self.case.files.iter().find(|(known, _)| known == name);
            file.map(|(_, bytes)| bytes.clone()).ok_or_else(|| "file not found".to_owned())
        };
        let case = Case::read(&Source::new("first.yaml", case), load).map_err(|diagnostics| invalid(&diagnostics))?;
        let played = play(&plan, &case).map_err(|_| anyhow::anyhow!("missing setting in the first case"))?;
        if !played.is_as_expected {
            let head = "unexpected requests in the first case:";
            bail!(MultilineError::new(std::iter::once(head).chain(played.transcript.lines())));
        }
        Ok(played)
    }
}

fn invalid(diagnostics: &[Diagnostic]) -> anyhow::Error {
    let head = "nothing written: the profile would be invalid:".to_owned();
    MultilineError::new(std::iter::once(head).chain(diagnostics.iter().map(ToString::to_string))).into()
}

/// Validates a profile's id: lower-case words joined by `-`.
pub(crate) fn check_name(name: &str) -> anyhow::Result<()> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !name.split('-').all(is_word) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        bail!("invalid profile name `{name}`: expected lower-case words joined by `-`, such as `acme-dns`");
    }
    Ok(())
}

/// Validates a base URL: `http` or `https` with a host.
pub(crate) fn check_base_url(url: &str) -> anyhow::Result<()> {
    let is_server = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !is_server {
        bail!("invalid base URL `{url}`: expected a URL such as `https://api.example.net/v1`");
    }
    Ok(())
}

/// Formats a path as YAML, quoted only if necessary.
pub(crate) fn plain(path: &str) -> String {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$._".contains(&byte));
    if is_plain { path.to_owned() } else { yaml(path) }
}
