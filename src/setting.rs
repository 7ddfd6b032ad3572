//! Where settings come from: `--set`, variables, files named by variables, a settings file; in this order.

use crate::cli::SettingArgs;
use anyhow::{Context, bail};
use serde_yaml::Value;
use std::collections::BTreeMap;
use stixmap_engine::plan::{Plan, SettingError, SettingSpec, Settings};
use stixmap_engine::profile::SettingType;

/// What was given on the command line and in the settings file.
pub(crate) struct Given {
    set: BTreeMap<String, String>,
    file: Option<Value>,
}

impl Given {
    pub(crate) fn read(args: &SettingArgs) -> anyhow::Result<Given> {
        let set = args.set.iter().map(|text| {
            let (key, value) = text.split_once('=').context("--set takes KEY=VALUE")?;
            Ok((key.to_owned(), value.to_owned()))
        });
        let file = match &args.config {
            None => None,
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
                Some(serde_yaml::from_str(&text).with_context(|| format!("{} is no YAML", path.display()))?)
            }
        };
        Ok(Given { set: set.collect::<anyhow::Result<_>>()?, file })
    }

    /// Refuses `--set` for a setting that none of the profiles has.
    pub(crate) fn refuse_unknown<'p>(&self, plans: impl Iterator<Item = &'p Plan> + Clone) -> anyhow::Result<()> {
        for key in self.set.keys() {
            let is_known = plans.clone().any(|plan| {
                let name = key.strip_prefix(&format!("{}.", plan.id)).unwrap_or(key);
                plan.settings.iter().any(|spec| spec.names().any(|known| known == name))
            });
            if !is_known {
                bail!("no profile here has a setting `{key}`");
            }
        }
        Ok(())
    }

    /// The settings of a profile; or everything that is missing or wrong, and how to give it.
    pub(crate) fn settings(&self, plan: &Plan) -> anyhow::Result<Settings> {
        let mut unreadable = vec![];
        let settings = Settings::read(&plan.settings, |spec| match self.value(&plan.id, spec) {
            Ok(value) => value,
            Err(error) => {
                unreadable.push(format!("{error:#}"));
                None
            }
        });
        if !unreadable.is_empty() {
            bail!(unreadable.join("\n"));
        }
        settings.map_err(|errors| anyhow::anyhow!(told(plan, &errors)))
    }

    /// The same for work without a network: only levels and windows are required, since results depend on them.
    pub(crate) fn optional_settings(&self, plan: &Plan) -> anyhow::Result<Settings> {
        let is_needed = |spec: &SettingSpec| matches!(spec.kind, SettingType::Tlp | SettingType::Duration);
        let optional: Vec<SettingSpec> = plan
            .settings
            .iter()
            .map(|spec| SettingSpec { required: spec.required && is_needed(spec), ..spec.clone() })
            .collect();
        let settings = Settings::read(&optional, |spec| self.value(&plan.id, spec).ok().flatten());
        settings.map_err(|errors| anyhow::anyhow!(told(plan, &errors)))
    }

    /// The same for looking ahead: a text or secret that is required and not given is stood in for by its name in braces.
    pub(crate) fn stand_ins(&self, plan: &Plan) -> anyhow::Result<Settings> {
        let settings =
            Settings::read(&plan.settings, |spec| self.value(&plan.id, spec).ok().flatten().or_else(|| stand_in(spec)));
        settings.map_err(|errors| anyhow::anyhow!(told(plan, &errors)))
    }

    /// The value of a setting: by any of its names, what was set, then a variable, then the file.
    fn value(&self, profile: &str, spec: &SettingSpec) -> anyhow::Result<Option<String>> {
        let set = |name| self.set.get(&format!("{profile}.{name}")).or_else(|| self.set.get(name));
        if let Some(value) = spec.names().find_map(set) {
            return Ok(Some(value.clone()));
        }
        for name in spec.names() {
            if let Some(value) = from_environment(profile, name)? {
                // A variable that is set and empty stands for the default, whatever the file says.
                return Ok(Some(value).filter(|value| !value.is_empty()));
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

/// What stands for a value that nobody gave; none where one must be known to say anything.
fn stand_in(spec: &SettingSpec) -> Option<String> {
    let is_text = matches!(spec.kind, SettingType::String | SettingType::Secret) && spec.choices.is_empty();
    let is_wanted = spec.required && spec.default.is_none();
    match spec.kind {
        SettingType::Url if is_wanted => Some(format!("https://{}.invalid", spec.name.replace('_', "-"))),
        _ => (is_text && is_wanted).then(|| format!("{{{}}}", spec.name)),
    }
}

/// The variable of a setting.
pub(crate) fn variable(profile: &str, name: &str) -> String {
    format!("{profile}_{name}").replace('-', "_").to_uppercase()
}

fn from_environment(profile: &str, name: &str) -> anyhow::Result<Option<String>> {
    let variable = variable(profile, name);
    let value = std::env::var(&variable).ok();
    if value.as_ref().is_some_and(|value| !value.is_empty()) {
        return Ok(value);
    }
    let path = std::env::var(format!("{variable}_FILE")).ok().filter(|path| !path.is_empty());
    let Some(path) = path else { return Ok(value) };
    // The value is not repeated: it may be the secret itself, given by the wrong variable.
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("failed to read the file named by `{variable}_FILE`"))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn told(plan: &Plan, errors: &[SettingError]) -> String {
    let mut text = format!("{} needs other settings:", plan.name);
    for error in errors {
        let (spec, fact) = match error {
            SettingError::Missing { spec } => (spec, "is missing".to_owned()),
            SettingError::NotOfType { spec } if !spec.choices.is_empty() => {
                (spec, format!("is none of {}", spec.choices.join(", ")))
            }
            SettingError::NotOfType { spec } => (spec, format!("is not {}", spec.kind.wanted())),
        };
        let (id, name) = (&plan.id, &spec.name);
        text.push_str(&format!("\n  `{name}` {fact}: {}", spec.description));
        text.push_str(&format!(
            "\n      give it as {}, in --config as `{id}.{name}`, or with --set {name}=…",
            variable(id, name)
        ));
    }
    text
}
