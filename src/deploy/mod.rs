//! Generates the files of an OpenCTI deployment of a profile (`stixmap deploy`). Generated files are never edited:
//! operators set values in `.env` or in a secret.

mod behaviour;
mod deployment;
mod manifest;
mod schema;
mod text;
mod variable;

use crate::catalog;
use crate::cli::{DeployArgs, Verbosity};
use crate::exit::Exit;
use crate::files::Root;
use crate::render;
use crate::standard_streams::print;
use anyhow::{Context, bail};
use deployment::Deployment;
use std::io::ErrorKind;
use std::path::Path;
use stixmap_engine::plan::Plan;
use stixmap_engine::printable;

/// A generated file.
struct File {
    name: String,
    /// Purpose, for the list of files.
    purpose: &'static str,
    text: String,
}

pub(crate) fn run(args: &DeployArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let folder = catalog::find(&args.profile, args.catalog.profiles.as_deref())?;
    let Some(plan) = folder.plan()? else { return Ok(Exit::Failure) };
    let in_image = is_built_in(&plan)?;
    let variables = variable::variables(&plan);
    let deployment = Deployment { plan: &plan, image: &args.image, replicas: args.replicas, variables, in_image };
    let files = files(&deployment)?;
    match &args.out {
        None => list(&files, verbosity),
        Some(out) if args.check => check(&files, out),
        Some(out) => write(&files, out, args.force),
    }
}

/// Returns whether this profile is built in with the same text, wherever it was read from.
fn is_built_in(plan: &Plan) -> anyhow::Result<bool> {
    let Some(built_in) = catalog::known(None)?.built_in(&plan.id) else { return Ok(false) };
    Ok(built_in.plan()?.is_some_and(|built_in| built_in.source.text == plan.source.text))
}

fn files(deployment: &Deployment) -> anyhow::Result<Vec<File>> {
    let text = text::Texts::new(deployment)?;
    let mut files = vec![
        File::new("README.md", "configuration and behavior", text.render("README.md")?),
        File::new(".env.sample", "variables; copy it to `.env`", text.render(".env.sample")?),
        File::new("config.yml.sample", "the same settings as a file", text.render("config.yml.sample")?),
        File::new("docker-compose.yml", "Docker Compose file; reads `.env`", text.render("docker-compose.yml")?),
        File::new("kubernetes.yaml", "Kubernetes manifests", text.render("kubernetes.yaml")?),
        File::new("connector_manifest.json", "description for OpenCTI's catalogue", manifest::manifest(deployment)?),
        File::new(
            "connector_config_schema.json",
            "JSON Schema for OpenCTI and XTM Composer",
            schema::schema(deployment)?,
        ),
    ];
    if !deployment.in_image {
        let plan = deployment.plan;
        let name = format!("profiles/{}/profile.yaml", plan.id);
        files.push(File::new(name, "profile to mount into the container", plan.source.text.clone()));
    }
    Ok(files)
}

impl File {
    fn new(name: impl Into<String>, purpose: &'static str, text: String) -> Self {
        Self { name: name.into(), purpose, text }
    }

    fn state(&self, out: &Path) -> anyhow::Result<State> {
        let length = self.text.len() as u64;
        match Root::new(out).read_start(&self.name, length + 1) {
            Ok(bytes) if bytes == self.text.as_bytes() => Ok(State::Same),
            Ok(_) => Ok(State::Different),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::Missing),
            Err(error) => Err(error).with_context(|| format!("failed to read {}", out.join(&self.name).display())),
        }
    }
}

/// State of a file on disk compared with the generated text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Same,
    Different,
    Missing,
}

impl State {
    fn description(self) -> &'static str {
        match self {
            Self::Same => "up to date",
            Self::Different => "differs",
            Self::Missing => "missing",
        }
    }
}

fn states<'f>(files: &'f [File], out: &Path) -> anyhow::Result<Vec<(&'f File, State)>> {
    files.iter().map(|file| Ok((file, file.state(out)?))).collect()
}

fn list(files: &[File], verbosity: Verbosity) -> anyhow::Result<Exit> {
    let lines: String = files.iter().map(|file| format!("{:<30} {}\n", file.name, file.purpose)).collect();
    print(&lines)?;
    if verbosity > Verbosity::Quiet {
        render::remark("no files written; pass --out DIR to write them");
    }
    Ok(Exit::Success)
}

fn check(files: &[File], out: &Path) -> anyhow::Result<Exit> {
    let states = states(files, out)?;
    let lines: String =
        states.iter().map(|(file, state)| format!("{:<10} {}\n", state.description(), file.name)).collect();
    print(&lines)?;
    let is_current = states.iter().all(|(_, state)| *state == State::Same);
    Ok(if is_current { Exit::Success } else { Exit::Failure })
}

/// Writes missing files and, with `--force`, different ones. Without it, a different file is an error before anything
/// is written: the deployment would mix two versions.
fn write(files: &[File], out: &Path, force: bool) -> anyhow::Result<Exit> {
    let states = states(files, out)?;
    let differing: Vec<&str> =
        states.iter().filter(|(_, state)| *state == State::Different).map(|(file, _)| file.name.as_str()).collect();
    if !force && !differing.is_empty() {
        bail!("refused to overwrite {} in {}; pass --force to overwrite", differing.join(", "), out.display());
    }
    for (file, _) in states.iter().filter(|(_, state)| *state != State::Same) {
        let (root, path) = (Root::new(out), out.join(&file.name));
        let folder = Path::new(&file.name).parent().expect("a file has a parent directory");
        let written = root.below(folder).make();
        let written = written.and_then(|()| root.replace(&file.name, &mut |out| out.write_all(file.text.as_bytes())));
        written.with_context(|| format!("failed to write {}", path.display()))?;
        print(&format!("{}\n", printable::line(&path.to_string_lossy())))?;
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::quote::tests::{hostile, read_dotenv, visible};
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_yaml::Value;
    use std::collections::BTreeMap;
    use stixmap_engine::diagnostic::Source;
    use stixmap_engine::plan::RuleThen;

    fn plan() -> Plan {
        let text = include_str!("../../tests/deploy/every-setting/profile.yaml");
        Plan::read(&Source::new("profile.yaml", text)).expect("a profile")
    }

    fn generated(plan: &Plan) -> BTreeMap<String, String> {
        let image = Image::default();
        let variables = variable::variables(plan);
        let deployment = Deployment { plan, image: &image, replicas: 1, variables, in_image: false };
        files(&deployment).expect("files").into_iter().map(|file| (file.name, file.text)).collect()
    }

    /// Returns a plan with arbitrary texts, which the compiler would reject.
    fn with_texts(texts: &[String; 5]) -> Plan {
        let mut plan = plan();
        let [name, summary, text, default, source] = texts.clone();
        plan.terms = Some(text.clone());
        plan.links = vec![text.clone()];
        plan.subscription = Some(text.clone());
        plan.source = Source::new("profile.yaml", source);
        for rule in &mut plan.rules.rules {
            if let RuleThen::Drop(reason) = &mut rule.then {
                reason.clone_from(&text);
            }
        }
        for spec in &mut plan.settings {
            spec.description.clone_from(&text);
            if spec.name == "label" {
                spec.default = Some(default.clone());
            }
            if spec.name == "region" {
                spec.choices = vec![default.clone(), text.clone()];
            }
        }
        (plan.name, plan.summary) = (name, summary);
        plan
    }

    /// Uncomments defaults in samples (`#KEY…`); prose has a space after `#`.
    fn uncommented(text: &str) -> String {
        let line = |line: &str| match line.trim_start().strip_prefix('#') {
            Some(rest) if rest.starts_with(|character: char| character.is_ascii_alphabetic()) => {
                line.replacen('#', "", 1)
            }
            _ => line.to_owned(),
        };
        text.split('\n').map(|text| line(text) + "\n").collect()
    }

    fn documents(text: &str) -> Vec<Value> {
        let documents = serde_yaml::Deserializer::from_str(text).map(Value::deserialize);
        documents.map(|document| document.unwrap_or_else(|error| panic!("{error}\n{text}"))).collect()
    }

    /// Returns the structure of a value: keys in order, without texts.
    fn shape(value: &Value) -> Value {
        match value {
            Value::Mapping(map) => Value::Mapping(map.iter().map(|(key, value)| (key.clone(), shape(value))).collect()),
            Value::Sequence(items) => Value::Sequence(items.iter().map(shape).collect()),
            Value::String(text) => {
                Value::from(text.split('=').next().unwrap_or_default().starts_with(char::is_uppercase))
            }
            other => other.clone(),
        }
    }

    fn names(env: &str) -> Vec<(&str, &str)> {
        let lines = env.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| line.split_once('=').expect("a variable")).collect()
    }

    /// Returns the number of columns of each table row, and the markup at the start of other lines.
    fn layout(markdown: &str) -> Vec<String> {
        let line = |line: &str| match line.starts_with('|') {
            true => line.replace("\\\\", "").replace("\\|", "").matches('|').count().to_string(),
            false if line.starts_with("```") => line.to_owned(),
            false => line.trim_start().chars().take_while(|character| "#-*+>~=".contains(*character)).collect(),
        };
        markdown.split('\n').map(line).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn hostile_texts_do_not_change_the_structure_of_generated_files(texts in prop::array::uniform5(hostile())) {
            let (plain, plan) = (generated(&plan()), with_texts(&texts));
            let files = generated(&plan);
            for (name, text) in &files {
                let is_copy = name.starts_with("profiles/");
                prop_assert!(is_copy || text.split('\n').all(|line| printable::first_unprintable(line).is_none()), "{}", text);
            }
            let read = |files: &BTreeMap<String, String>, name: &str| documents(&uncommented(&files[name]));
            for name in ["docker-compose.yml", "kubernetes.yaml", "config.yml.sample"] {
                let shapes = |files| read(files, name).iter().map(shape).collect::<Vec<_>>();
                if name != "docker-compose.yml" {
                    prop_assert_eq!(shapes(&files).len(), shapes(&plain).len());
                }
                let keys = |files| format!("{:?}", shapes(files)).replace("Bool(true)", "_").replace("Bool(false)", "_");
                prop_assert_eq!(keys(&files), keys(&plain), "{}", files[name]);
            }
            let settings = &read(&files, "config.yml.sample")[0];
            prop_assert_eq!(settings["connector"]["name"].as_str(), Some(texts[0].as_str()));
            prop_assert_eq!(settings["every-setting"]["label"].as_str(), Some(texts[3].trim()));
            let kubernetes = read(&files, "kubernetes.yaml");
            prop_assert!(kubernetes.iter().any(|document| document["data"]["CONNECTOR_NAME"].as_str() == Some(&texts[0])));
            prop_assert!(kubernetes.iter().any(|document| document["data"]["profile.yaml"].as_str() == Some(&texts[4])));
            let (env, plain_env) = (uncommented(&files[".env.sample"]), uncommented(&plain[".env.sample"]));
            let variables = |env| names(env).into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
            prop_assert_eq!(variables(&env), variables(&plain_env));
            for (variable, written) in names(&env) {
                let value = read_dotenv(written);
                prop_assert!(value.is_some(), "{}={}", variable, written);
                if variable == "CONNECTOR_NAME" {
                    prop_assert_eq!(value, Some(visible(&texts[0])));
                }
            }
            for name in ["connector_manifest.json", "connector_config_schema.json"] {
                let json: serde_json::Value = serde_json::from_str(&files[name]).expect("JSON");
                let plain: serde_json::Value = serde_json::from_str(&plain[name]).expect("JSON");
                prop_assert_eq!(json.as_object().map(|map| map.len()), plain.as_object().map(|map| map.len()));
            }
            let (readme, plain) = (layout(&files["README.md"]), layout(&plain["README.md"]));
            prop_assert_eq!(readme, plain, "{}", files["README.md"]);
        }
    }
}
