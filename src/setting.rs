//! Resolves settings from `--set`, environment variables, files named by variables, and a settings file, in this order.

use crate::catalog;
use crate::cli::SettingArgs;
use crate::files::{Bound, operator_path};
use crate::render::{MultilineError, causes};
use crate::sections;
use crate::trust::Trusted;
use crate::unknown_name::unknown;
use anyhow::{Context, bail};
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::env::VarError;
use std::path::Path;
pub(crate) use stixmap_engine::plan::variable;
use stixmap_engine::plan::{ASK_RESERVED, Plan, SettingError, SettingSpec, Settings};
use stixmap_engine::profile::SettingType;
use stixmap_engine::yaml::nearest;
use url::{Host, Url};

/// Values from the command line and the settings file.
pub(crate) struct SettingSources {
    set: BTreeMap<String, String>,
    file: Option<Value>,
}

impl SettingSources {
    pub(crate) fn read(args: &SettingArgs) -> anyhow::Result<SettingSources> {
        SettingSources::with(args, args.config.as_deref().map(file).transpose()?)
    }

    /// Combines `--set` with a settings file that was already parsed.
    pub(crate) fn with(args: &SettingArgs, file: Option<Value>) -> anyhow::Result<SettingSources> {
        let set = args.set.iter().map(|text| {
            let (key, value) = text.split_once('=').context("invalid --set: expected KEY=VALUE")?;
            Ok((key.to_owned(), value.to_owned()))
        });
        let asks = args.ask_reserved.then(|| Ok((ASK_RESERVED.to_owned(), "true".to_owned())));
        Ok(SettingSources { set: set.chain(asks).collect::<anyhow::Result<_>>()?, file })
    }

    /// Rejects settings that no profile declares: in `--set`, in the file, or a variable with a profile's prefix and a name
    /// similar to a setting. The file may have sections of other profiles, which are built in or in the operator's folder
    /// `extra`.
    pub(crate) fn refuse_unknown(&self, plans: &[&Plan], extra: Option<&Path>) -> anyhow::Result<()> {
        let mut mistakes = vec![];
        for key in self.set.keys() {
            let known = plans.iter().flat_map(|plan| {
                plan.settings.iter().flat_map(SettingSpec::names).map(|name| (format!("{}.{name}", plan.id), name))
            });
            let known: BTreeSet<String> = known.flat_map(|(long, name)| [long, name.to_owned()]).collect();
            if !known.contains(key) {
                mistakes.push(format!("--set: {}", unknown("setting", key, &known)));
            }
            mistakes.extend(ambiguous(plans, key));
        }
        if let Some(file) = &self.file {
            mistakes.extend(sections::mistakes(file, plans, &catalog::known(extra)?));
        }
        plans.iter().for_each(|plan| unknown_variables(plan, &mut mistakes));
        if !mistakes.is_empty() {
            return Err(MultilineError::new(mistakes).into());
        }
        Ok(())
    }

    /// Returns the settings of a profile; the error lists all missing and invalid ones, and how to set them.
    pub(crate) fn settings(&self, profile: &Trusted) -> anyhow::Result<Settings> {
        let plan = profile.plan();
        self.refuse_unreadable(plan)?;
        let settings = Settings::read(&plan.settings, |spec| self.value(&plan.id, spec).ok().flatten());
        let settings = settings.map_err(|errors| anyhow::Error::from(setting_errors(plan, &errors)))?;
        match plan.unsendable(&settings) {
            unfit if unfit.is_empty() => Ok(settings),
            unfit => bail!(setting_errors(plan, &unfit)),
        }
    }

    /// Returns warnings about secrets: sent in clear text, visible to other users, or too short to redact.
    pub(crate) fn warnings(&self, plan: &Plan, settings: &Settings) -> Vec<String> {
        let mut warnings = vec![];
        let base = plan.base_url(settings);
        if is_unencrypted(&base) {
            warnings.push(format!(
                "requests and credentials are sent unencrypted to {}",
                base.origin().ascii_serialization()
            ));
        }
        for spec in plan.settings.iter().filter(|spec| spec.kind == SettingType::Secret) {
            let variable = variable(&plan.id, &spec.name);
            if spec.names().any(|name| self.set_to(&plan.id, name).is_some()) {
                warnings.push(format!(
                    "the secret `{}` is on the command line, which other users can read; use {variable} or {variable}_FILE",
                    spec.name
                ));
            }
            if settings.has_short_secret(&spec.name) {
                warnings.push(format!(
                    "the secret `{}` is too short to redact it in records; it is redacted in messages",
                    spec.name
                ));
            }
        }
        warnings
    }

    fn set_to(&self, profile: &str, name: &str) -> Option<&String> {
        self.set.get(&format!("{profile}.{name}")).or_else(|| self.set.get(name))
    }

    /// Rejects settings whose variable or file cannot be read.
    pub(crate) fn refuse_unreadable(&self, plan: &Plan) -> anyhow::Result<()> {
        let unreadable: Vec<String> = plan
            .settings
            .iter()
            .filter_map(|spec| self.value(&plan.id, spec).err().map(|error| causes(&error)))
            .collect();
        if !unreadable.is_empty() {
            bail!(MultilineError::new(unreadable));
        }
        Ok(())
    }

    /// Returns settings for work without a network. Only TLP, PAP and durations are required, because results depend on them.
    pub(crate) fn optional_settings(&self, plan: &Plan) -> anyhow::Result<Settings> {
        let is_needed =
            |spec: &SettingSpec| matches!(spec.kind, SettingType::Tlp | SettingType::Pap | SettingType::Duration);
        let optional: Vec<SettingSpec> = plan
            .settings
            .iter()
            .map(|spec| SettingSpec { required: spec.required && is_needed(spec), ..spec.clone() })
            .collect();
        if let Some(error) =
            plan.settings.iter().filter(|spec| is_needed(spec)).find_map(|spec| self.value(&plan.id, spec).err())
        {
            return Err(error);
        }
        let settings = Settings::read(&optional, |spec| self.value(&plan.id, spec).ok().flatten());
        settings.map_err(|errors| setting_errors(plan, &errors).into())
    }

    /// Returns settings for `explain`. A missing required text or secret is replaced by its name in braces.
    pub(crate) fn with_placeholders(&self, plan: &Plan) -> anyhow::Result<Settings> {
        self.refuse_unreadable(plan)?;
        let settings = Settings::read(&plan.settings, |spec| {
            self.value(&plan.id, spec).ok().flatten().or_else(|| placeholder(spec))
        });
        settings.map_err(|errors| setting_errors(plan, &errors).into())
    }

    /// Resolves a setting by any of its names: `--set`, then a variable, then the file.
    fn value(&self, profile: &str, spec: &SettingSpec) -> anyhow::Result<Option<String>> {
        if let Some(value) = spec.names().find_map(|name| self.set_to(profile, name)) {
            return Ok(Some(value.clone()));
        }
        for name in spec.names() {
            // An empty variable is unset, as in Compose files with `KEY=`: it must not replace a stricter value of the file.
            if let Some(value) = from_environment(profile, name)?.filter(|value| !value.trim().is_empty()) {
                return Ok(Some(value));
            }
        }
        Ok(spec.names().find_map(|name| self.in_file(profile, name)))
    }

    fn in_file(&self, profile: &str, name: &str) -> Option<String> {
        let section = self.file.as_ref()?.get(profile)?;
        match section.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }
}

/// Whether a server is reached without TLS, and not on this machine.
pub(crate) fn is_unencrypted(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && !is_loopback
}

/// Rejects a key without a profile's prefix that several profiles declare and whose value belongs to one provider: a secret,
/// string or URL.
fn ambiguous(plans: &[&Plan], key: &str) -> Option<String> {
    let settings = plans.iter().flat_map(|plan| plan.settings.iter().map(|spec| (plan.id.as_str(), spec)));
    let taken = settings.filter(|(_, spec)| spec.names().any(|name| name == key));
    let taken: Vec<(&str, SettingType)> = taken.map(|(id, spec)| (id, spec.kind)).collect();
    let is_for_one = |kind| matches!(kind, SettingType::Secret | SettingType::String | SettingType::Url);
    if taken.len() < 2 || !taken.iter().any(|(_, kind)| is_for_one(*kind)) {
        return None;
    }
    let names: Vec<String> = taken.iter().map(|(id, _)| format!("{id}.{key}")).collect();
    Some(format!("--set: ambiguous setting `{key}`, declared by several profiles; use {}", names.join(" or ")))
}

/// Reports misspelled variables: with the prefix of a profile, and a name similar to one of its settings.
fn unknown_variables(plan: &Plan, mistakes: &mut Vec<String>) {
    let names = plan.settings.iter().flat_map(|spec| spec.names().map(|name| variable(&plan.id, name)));
    let known: BTreeSet<String> = names.flat_map(|name| [format!("{name}_FILE"), name]).collect();
    // Connectors in one process have further variables with this prefix.
    mistakes.extend(misspelled_variables(&variable(&plan.id, ""), &known));
}

/// Rejects misspelled variables of the program itself, whose options would silently have their defaults.
pub(crate) fn refuse_unknown_own_variables(known: &BTreeSet<String>) -> anyhow::Result<()> {
    match misspelled_variables(OWN_PREFIX, known) {
        mistakes if mistakes.is_empty() => Ok(()),
        mistakes => Err(MultilineError::new(mistakes).into()),
    }
}

/// Prefix of the variables of the program's own options.
const OWN_PREFIX: &str = "STIXMAP_";

/// Returns a message for each variable with this prefix that is unknown and similar to a known one. Others can belong to
/// another program: Kubernetes, for example, sets `STIXMAP_PORT` for a service of this name.
fn misspelled_variables(prefix: &str, known: &BTreeSet<String>) -> Vec<String> {
    let found = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = found.filter(|name| name.starts_with(prefix) && !known.contains(name));
    let message = |name: String| {
        let near = nearest(&name, known.iter().map(String::as_str))?;
        Some(format!("unknown variable `{name}`; did you mean `{near}`?"))
    };
    unknown.filter_map(message).collect()
}

/// Reads a settings file named by the operator.
pub(crate) fn file(path: &Path) -> anyhow::Result<Value> {
    let text = operator_path::read_text(path, Bound::SETTINGS)
        .with_context(|| format!("failed to read {}", path.display()))?;
    parsed(path, &text)
}

/// Parses a settings file.
pub(crate) fn parsed(path: &Path, text: &str) -> anyhow::Result<Value> {
    serde_yaml::from_str(text).with_context(|| format!("invalid YAML in {}", path.display()))
}

/// Returns a placeholder for a missing required string, secret or URL; none for a type whose value determines the result.
fn placeholder(spec: &SettingSpec) -> Option<String> {
    let is_text = matches!(spec.kind, SettingType::String | SettingType::Secret) && spec.choices.is_empty();
    let is_wanted = spec.required && spec.default.is_none();
    match spec.kind {
        SettingType::Url if is_wanted => Some(format!("https://{}.invalid", spec.name.replace('_', "-"))),
        _ => (is_text && is_wanted).then(|| format!("{{{}}}", spec.name)),
    }
}

fn from_environment(profile: &str, name: &str) -> anyhow::Result<Option<String>> {
    let variable = variable(profile, name);
    let value = text_of(&variable)?;
    if value.as_ref().is_some_and(|value| !value.is_empty()) {
        return Ok(value);
    }
    let Some(path) = text_of(&format!("{variable}_FILE"))? else { return Ok(value) };
    if path.is_empty() {
        bail!("the variable `{variable}_FILE` is empty: expected the path of a file");
    }
    // The path is not printed: it may be the secret itself, in the wrong variable.
    let text = operator_path::read_text(Path::new(&path), Bound::VALUE)
        .with_context(|| format!("failed to read the file named by `{variable}_FILE`"))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Returns the value of a variable; one that is not UTF-8 is an error.
fn text_of(variable: &str) -> anyhow::Result<Option<String>> {
    match std::env::var(variable) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => bail!("the value of `{variable}` is not UTF-8"),
    }
}

fn setting_errors(plan: &Plan, errors: &[SettingError]) -> MultilineError {
    let mut lines = vec![format!("missing or invalid {} settings:", plan.name)];
    for error in errors {
        let (spec, fact) = match error {
            SettingError::Missing { spec } => (spec, "is missing".to_owned()),
            SettingError::Unfit { spec, flaw } => (spec, (*flaw).to_owned()),
            SettingError::NotOfType { spec } if !spec.choices.is_empty() => {
                (spec, format!("must be one of {}", spec.choices.join(", ")))
            }
            SettingError::NotOfType { spec } => (spec, format!("is not {}", spec.wanted())),
        };
        let (id, name) = (&plan.id, &spec.name);
        lines.push(format!("  `{name}` {fact}: {}", spec.description));
        let variable = variable(id, name);
        // Other users can read the command line in the list of processes.
        let more = match spec.kind {
            SettingType::Secret => format!("by a file named by {variable}_FILE, or by `{id}.{name}` in --config"),
            _ => format!("by `{id}.{name}` in --config, or by --set {name}=…"),
        };
        lines.push(format!("      set it by {variable}, {more}"));
    }
    MultilineError::new(lines)
}
