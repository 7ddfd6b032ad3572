//! Checks the sections of a settings file: of profiles, whether they run or not, and of the connector.

use crate::catalog::Known;
use crate::connector::{known_keys, section_names};
use crate::unknown_name::unknown;
use serde_yaml::Value;
use std::collections::BTreeSet;
use stixmap_engine::plan::{Plan, SettingSpec};
use stixmap_engine::yaml::nearest;

/// Returns a message for each unknown section, unknown key and value of a wrong type.
pub(crate) fn mistakes(file: &Value, running: &[&Plan], others: &Known) -> Vec<String> {
    let sections = match file {
        Value::Mapping(sections) => sections,
        Value::Null => return vec![],
        _ => return vec!["--config: expected sections such as `acme: { api_key: … }`".to_owned()],
    };
    let mut mistakes = vec![];
    for (section, keys) in sections {
        let section = shown(section);
        let Some(kind) = SectionKind::of(&section, running, others) else {
            mistakes.push(unknown("section", &section, &names(running, others)));
            continue;
        };
        match keys {
            Value::Mapping(keys) => {
                let found = |(key, value)| {
                    kind.mistake(&section, key, value).or_else(|| kind.misplaced(&section, key, running))
                };
                mistakes.extend(keys.iter().filter_map(found));
            }
            Value::Null => {}
            _ => mistakes.push(format!("invalid section `{section}`: expected a mapping")),
        }
    }
    mistakes.into_iter().map(|mistake| format!("--config: {mistake}")).collect()
}

/// Whose settings a section contains, with their names.
enum SectionKind {
    Profile(BTreeSet<String>),
    /// Other programs may read further keys of the connector's sections.
    Connector(BTreeSet<String>),
    /// A profile that does not compile, whose settings are unknown.
    Invalid,
}

impl SectionKind {
    fn of(section: &str, running: &[&Plan], others: &Known) -> Option<SectionKind> {
        let long = |name: &str| format!("{section}.{name}");
        let of_plan = |plan: &Plan| plan.settings.iter().flat_map(SettingSpec::names).map(long).collect();
        if let Some(plan) = running.iter().find(|plan| plan.id == section) {
            return Some(Self::Profile(of_plan(plan)));
        }
        if let Some(folder) = others.folder(section) {
            let compiled = folder.compiled().ok().and_then(Result::ok);
            return Some(compiled.map_or(Self::Invalid, |plan| Self::Profile(of_plan(&plan))));
        }
        let is_profile = |id: &str| others.contains(id) || running.iter().any(|plan| plan.id == id);
        let keys = known_keys(section, is_profile)?;
        Some(Self::Connector(keys.iter().copied().map(long).collect()))
    }

    fn mistake(&self, section: &str, key: &Value, value: &Value) -> Option<String> {
        let key = format!("{section}.{}", shown(key));
        let is_scalar = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null);
        match self {
            Self::Profile(known) if !known.contains(&key) => Some(unknown("setting", &key, known)),
            Self::Profile(_) if !is_scalar => Some(format!("invalid `{key}`: expected a string, number or boolean")),
            Self::Connector(known) if !known.contains(&key) => {
                let near = nearest(&key, known.iter().map(String::as_str))?;
                Some(format!("unknown setting `{key}`; did you mean `{near}`?"))
            }
            Self::Profile(_) | Self::Connector(_) | Self::Invalid => None,
        }
    }

    /// Reports a profile's setting, or a name similar to one, in a section of the connector, where nothing would read it.
    fn misplaced(&self, section: &str, key: &Value, running: &[&Plan]) -> Option<String> {
        let (Self::Connector(known), written) = (self, shown(key)) else { return None };
        if known.contains(&format!("{section}.{written}")) {
            return None;
        }
        running.iter().find_map(|plan| {
            let names: Vec<&str> = plan.settings.iter().flat_map(SettingSpec::names).collect();
            let id = plan.id.replace('-', "_");
            let own = written.strip_prefix(&format!("{id}_")).or_else(|| written.strip_suffix(&format!("_{id}")));
            let key = own.unwrap_or(&written);
            let name =
                names.iter().copied().find(|name| *name == key).or_else(|| nearest(key, names.iter().copied()))?;
            Some(format!("unknown setting `{section}.{written}`; did you mean `{}.{name}`?", plan.id))
        })
    }
}

fn names(running: &[&Plan], others: &Known) -> BTreeSet<String> {
    let running = running.iter().map(|plan| plan.id.clone());
    running.chain(others.names().map(str::to_owned)).chain(section_names().map(str::to_owned)).collect()
}

/// Returns a key of YAML for messages, if it is a string.
fn shown(key: &Value) -> String {
    // Anything else, such as a value in braces, may be a secret.
    key.as_str().map_or_else(|| "(not a string)".to_owned(), str::to_owned)
}
