//! Decides whether a profile may read its variables. An external profile that uses a variable of another profile would send
//! that value to its own server, which the operator must trust explicitly.

use crate::catalog::{self, Folder};
use crate::cli::CatalogArgs;
use crate::files::{Bound, operator_path};
use crate::render::MultilineError;
use crate::setting::variable;
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet};
use stixmap_engine::plan::{BASE_URL, COMMON_SETTINGS, Plan, SettingSpec, TOKEN_URL};
use url::Url;

/// A profile whose variables may be read and sent to its origins.
pub(crate) struct Trusted<'p>(&'p Plan);

impl<'p> Trusted<'p> {
    pub(crate) fn plan(&self) -> &'p Plan {
        self.0
    }
}

/// Origins that the operator trusts with the variables of any profile.
pub(crate) struct Trust<'a> {
    catalog: &'a CatalogArgs,
    origins: BTreeSet<String>,
}

impl<'a> Trust<'a> {
    /// Reads `--trust` and the trust file: one origin per line; blank lines and `#` comments are ignored.
    pub(crate) fn read(catalog: &'a CatalogArgs) -> anyhow::Result<Self> {
        let mut origins = BTreeSet::new();
        for text in &catalog.trust {
            origins.insert(origin(text).with_context(|| format!("invalid --trust `{text}`"))?);
        }
        if let Some(path) = &catalog.trust_file {
            let shown = path.display();
            let text =
                operator_path::read_text(path, Bound::SETTINGS).with_context(|| format!("failed to read {shown}"))?;
            for (number, line) in (1..).zip(text.lines()) {
                let line = line.split('#').next().unwrap_or_default().trim();
                if !line.is_empty() {
                    origins.insert(origin(line).with_context(|| format!("invalid line {number} of {shown}"))?);
                }
            }
        }
        Ok(Self { catalog, origins })
    }

    /// Rejects an external profile that would send a variable of another profile to an origin that neither that profile nor
    /// the operator names. Other profiles are those with a name, and those that run at the same time (`others`).
    pub(crate) fn confirm<'p>(
        &self,
        folder: &Folder,
        plan: &'p Plan,
        others: &[(Folder, &Plan)],
    ) -> anyhow::Result<Trusted<'p>> {
        if matches!(folder, Folder::Embedded(_)) {
            return Ok(Trusted(plan));
        }
        for (_, other) in others.iter().filter(|(other, _)| !other.is_same(folder)) {
            self.compare(plan, other)?;
        }
        for (name, other) in catalog::known(self.catalog.profiles.as_deref())?.entries() {
            if other.is_same(folder) {
                continue;
            }
            match other.compiled() {
                Ok(Ok(other)) => self.compare(plan, &other)?,
                // Its variables are unknown, but begin with its name.
                _ => self.compare_prefix(plan, name)?,
            }
        }
        Ok(Trusted(plan))
    }

    /// Compares with a profile that does not compile.
    fn compare_prefix(&self, plan: &Plan, name: &str) -> anyhow::Result<()> {
        let prefix = variable(name, "");
        let own = variables(plan);
        let shared = own.iter().find(|(name, is_server)| !**is_server && name.starts_with(&prefix));
        let Some((shared, _)) = shared else { return Ok(()) };
        match plan.origins().into_iter().find(|origin| !self.origins.contains(origin)) {
            Some(origin) => {
                Err(refusal(plan, name, "a server that is unknown, because it is invalid", shared, &origin).into())
            }
            None => Ok(()),
        }
    }

    fn compare(&self, plan: &Plan, other: &Plan) -> anyhow::Result<()> {
        let (own, others) = (variables(plan), variables(other));
        // A variable that sets the server of both profiles reveals nothing.
        let is_shared = |name: &&String| own.get(*name).is_some_and(|is_server| !(*is_server && others[*name]));
        let Some(shared) = others.keys().find(is_shared) else { return Ok(()) };
        let known = other.origins();
        let is_trusted = |origin: &String| known.contains(origin) || self.origins.contains(origin);
        match plan.origins().into_iter().find(|origin| !is_trusted(origin)) {
            Some(origin) => {
                let known = Vec::from_iter(known).join(", ");
                let server = if known.is_empty() { "the server in its settings" } else { &known };
                Err(refusal(plan, &other.id, server, shared, &origin).into())
            }
            None => Ok(()),
        }
    }
}

fn refusal(plan: &Plan, other: &str, server: &str, variable: &str, origin: &str) -> MultilineError {
    let (profile, file) = (&plan.id, &plan.source.name);
    MultilineError::new([
        format!("untrusted profile `{profile}` ({file}): it would send `{variable}` to {origin}"),
        format!("  `{variable}` is a variable of the profile `{other}`, for {server}"),
        format!("  if this is intended, pass --trust {origin}, or set STIXMAP_TRUST={origin}"),
    ])
}

/// Returns every variable that is read for a profile's settings, including `…_FILE`, and whether it sets a server.
fn variables(plan: &Plan) -> BTreeMap<String, bool> {
    let variables = |spec: &SettingSpec| {
        let is_server = [BASE_URL, TOKEN_URL].contains(&spec.name.as_str());
        let names = spec.names().map(|name| (variable(&plan.id, name), is_server));
        names.flat_map(|(name, is_server)| [(format!("{name}_FILE"), is_server), (name, is_server)]).collect::<Vec<_>>()
    };
    // Common settings of all profiles, except for servers, belong to none of them.
    let is_own = |spec: &&SettingSpec| {
        let name = spec.name.as_str();
        [BASE_URL, TOKEN_URL].contains(&name) || !COMMON_SETTINGS.contains(&name)
    };
    plan.settings.iter().filter(is_own).flat_map(variables).collect()
}

/// Parses an origin (RFC 6454 §6.2). Only `https` is valid, because credentials are sent to it.
fn origin(text: &str) -> anyhow::Result<String> {
    let url = Url::parse(text.trim()).ok().filter(|url| url.scheme() == "https" && url.has_host());
    let is_plain = |url: &Url| url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let url = url.filter(|url| is_plain(url) && url.username().is_empty() && url.password().is_none());
    Ok(url.context("expected an origin such as https://api.example.com")?.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_with_path_query_or_userinfo_is_rejected() {
        for (text, expected) in [
            ("https://api.example.com", Some("https://api.example.com")),
            ("https://API.Example.com:443/", Some("https://api.example.com")),
            ("https://api.example.com:8443", Some("https://api.example.com:8443")),
            ("http://api.example.com", None),
            ("https://api.example.com/v1", None),
            ("https://user:pass@api.example.com", None),
            ("https://api.example.com?x", None),
            ("api.example.com", None),
            ("", None),
            ("*", None),
        ] {
            assert_eq!(origin(text).ok().as_deref(), expected, "{text}");
        }
    }
}
